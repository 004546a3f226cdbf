#pragma once
// Listener: accepts connections of one address on one loop. Several loops may listen on the same address
// (SO_REUSEPORT): the kernel shares out connections.
#include <functional>
#include <memory>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/net/loop.h"

namespace sluice::net {

class Listener : public PollTarget, private Timer {
 public:
  // Called on the loop's thread; owns the descriptor (non-blocking, close-on-exec).
  using OnAccept = std::function<void(int fd, const base::Endpoint& peer)>;

  // kTransparent: also takes connections to other addresses that `tproxy` hands it, where we have the right to that.
  enum class Kind : uint8_t { kOrdinary, kTransparent };
  static base::Result<std::unique_ptr<Listener>> listen(Loop& loop, const base::Endpoint& address, OnAccept on_accept,
                                                        Kind kind = Kind::kOrdinary);
  ~Listener() override;

  const base::Endpoint& address() const { return address_; }  // with the port the kernel chose

 private:
  Listener(Loop& loop, int fd, const base::Endpoint& address, OnAccept on_accept)
      : loop_(loop), fd_(fd), address_(address), on_accept_(std::move(on_accept)) {}
  void on_poll(uint32_t readiness) override;
  void on_timer() override;

  Loop& loop_;
  int fd_;
  base::Endpoint address_;
  OnAccept on_accept_;
};

}  // namespace sluice::net
