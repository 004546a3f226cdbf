#pragma once
// NetfilterSocket: packets that the kernel's packet filter shows to a program: copies (`log group`), or packets that
// wait for an answer (`queue`); and what its connection tracking tells.
#include <cstdint>
#include <functional>
#include <memory>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/net/loop.h"

namespace sluice::client {

// Sees the network namespace in which it was made. Needs CAP_NET_ADMIN. One loop.
class NetfilterSocket : private net::PollTarget {
 public:
  // `packet` begins with its IP header and ends with the call; `id` is for answer().
  using Handler = std::function<void(base::ByteView packet, uint32_t id)>;

  // A number has one owner: the error says so where another program has it.
  static base::Result<std::unique_ptr<NetfilterSocket>> open_log(net::Loop& loop, uint16_t group, Handler handler);
  static base::Result<std::unique_ptr<NetfilterSocket>> open_queue(net::Loop& loop, uint16_t queue, Handler handler);
  // Connections that the kernel has forgotten, and answers to ask(): the handler gets netlink attributes
  // (kernel_connection.h), and for `id` whether the connection is over.
  static constexpr uint32_t connection_open = 0;
  static constexpr uint32_t connection_over = 1;
  static base::Result<std::unique_ptr<NetfilterSocket>> open_connections(net::Loop& loop, Handler handler);
  ~NetfilterSocket();
  NetfilterSocket(const NetfilterSocket&) = delete;
  NetfilterSocket& operator=(const NetfilterSocket&) = delete;

  // Hands over what the kernel has shown so far. The loop does so by itself; who needs it now does not wait for a turn.
  void read();
  // Sends a packet of a queue through the chain once more, with a mark by which rules know it.
  void answer(uint32_t id, uint32_t mark);
  // How a UDP connection stands: the handler hears it before this returns; nothing where the kernel knows none.
  void ask(const base::Endpoint& source, const base::Endpoint& destination);

 private:
  NetfilterSocket(net::Loop& loop, int fd, uint16_t number, Handler handler)
      : loop_(loop), fd_(fd), number_(number), handler_(std::move(handler)) {}
  static base::Result<std::unique_ptr<NetfilterSocket>> open(net::Loop& loop, uint16_t number, Handler handler);
  void on_poll(uint32_t readiness) override;
  base::Status configure(uint16_t type, base::ByteView attributes);
  void take(base::ByteView message);

  net::Loop& loop_;
  int fd_;
  uint16_t number_;
  uint32_t sequence_ = 0;
  bool watched_ = false;
  Handler handler_;
};

}  // namespace sluice::client
