#pragma once
// Sockets of the bench programs. All of them stay on the loopback network, and what they cannot do without ends the
// program with a sentence: these are tools, not services.
#include <netinet/in.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "proxy/base/ip.h"

namespace sluice::bench {

// Owns one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// Prints "<what>: <the system's reason>" and exits with 1.
[[noreturn]] void fail(const std::string& what);

// "127.0.0.1:8080"; anything outside of 127.0.0.0/8 exits with 2.
base::Endpoint loopback(const std::string& text);

// Non-blocking, Nagle off; accepted sockets inherit the latter.
Fd listen_on(const base::Endpoint& endpoint);
base::Endpoint endpoint_of(const Fd& listener);
// Accepts one connection, non-blocking; empty when there is none any more.
Fd accept_one(const Fd& listener);
// A non-blocking socket that is connected or connecting; empty when the system refuses at once.
Fd dial(const base::Endpoint& endpoint);
// The socket's pending error, zero for none.
int socket_error(const Fd& socket);

// One epoll set. Owners are opaque: the caller says what the pointers mean.
class Poller {
 public:
  // Reported once per change, both directions and the other side's end: one call for the life of a socket.
  static constexpr uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  Poller();
  void add(const Fd& fd, uint32_t events, void* owner);
  // Blocks up to `timeout_ms` (-1: without end). The events stay valid until the next call.
  std::span<const epoll_event> wait(int timeout_ms);

 private:
  static constexpr size_t events_per_wait_max = 256;

  Fd epoll_;
  std::array<epoll_event, events_per_wait_max> events_{};
};

}  // namespace sluice::bench
