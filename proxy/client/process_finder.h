#pragma once
// ProcessFinder: which process owns a connection of this machine, told by the kernel and /proc. Never a wrong name:
// what cannot be read twice with the same answer is nobody's.
//
//   4-tuple --sock_diag--> inode, uid --/proc/PID/fd--> pid --/proc/PID/exe--> path; then inode and start time again
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/client/limits.h"

namespace sluice::client {

struct ProcessInfo {
  std::string name;             // base name of the executable; "" = nobody known
  std::string path;             // of the executable
  uint32_t pid = 0;             // 0 = nobody known
  std::optional<uint32_t> uid;  // of the socket's owner; known although the process has gone
};

// Sees the network namespace in which it was made, and the processes that its user may look at. One thread; blocks for
// as long as reading /proc takes (tens of microseconds for a process seen before).
class ProcessFinder {
 public:
  static base::Result<std::unique_ptr<ProcessFinder>> create();
  ~ProcessFinder();
  ProcessFinder(const ProcessFinder&) = delete;
  ProcessFinder& operator=(const ProcessFinder&) = delete;

  enum class Transport : uint8_t { kTcp, kUdp };
  // Of a connection as its application sees it: the application's own address, and the one that it connected to. A UDP
  // socket that is bound only is found by its own address.
  ProcessInfo find(const base::Endpoint& own, const base::Endpoint& peer, Transport transport = Transport::kTcp);

 private:
  struct Socket {
    uint64_t inode = 0;
    uint32_t uid = 0;
  };

  explicit ProcessFinder(int netlink) : netlink_(netlink) {}
  std::optional<Socket> socket_of(const base::Endpoint& own, const base::Endpoint& peer, Transport transport);
  std::optional<Socket> ask(const void* request, size_t bytes);
  // The process that holds the socket, 0 when none does.
  uint32_t owner_of(uint64_t inode);
  void remember(uint32_t pid);

  int netlink_;
  uint32_t sequence_ = 0;
  std::vector<uint32_t> recent_;  // found last, newest first
};

}  // namespace sluice::client
