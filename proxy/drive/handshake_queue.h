#pragma once
// HandshakeQueue: handshakes take turns, because each step of one costs more than anything else a loop does: first
// come, first served, a bounded number per turn, so that flows that are open do not wait for those that are beginning.
#include <deque>

#include "proxy/net/loop.h"

namespace sluice::drive {

// One per loop; outlives who waits in it, and may outlive the loop.
class HandshakeQueue final : private net::Ready {
 public:
  class Waiting {
   public:
    virtual void on_handshake_turn() = 0;

   protected:
    virtual ~Waiting() = default;

   private:
    friend class HandshakeQueue;
    bool waits_ = false;
  };

  explicit HandshakeQueue(net::Loop& loop) : loop_(loop) {}

  base::Time now() const { return loop_.now(); }
  // At most once at a time.
  void join(Waiting& waiting);
  void leave(Waiting& waiting);

 private:
  void on_ready() override;

  net::Loop& loop_;
  std::deque<Waiting*> waiting_;
};

}  // namespace sluice::drive
