#include "proxy/drive/handshake_queue.h"

#include <algorithm>
#include <utility>

#include "proxy/drive/limits.h"

namespace sluice::drive {

void HandshakeQueue::join(Waiting& waiting) {
  if (std::exchange(waiting.waits_, true)) return;
  waiting_.push_back(&waiting);
  loop_.soon(*this);
}

void HandshakeQueue::leave(Waiting& waiting) {
  if (std::exchange(waiting.waits_, false)) std::erase(waiting_, &waiting);
}

void HandshakeQueue::on_ready() {
  for (size_t turns = 0; turns < handshakes_per_turn_max && !waiting_.empty(); ++turns) {
    Waiting& first = *waiting_.front();
    waiting_.pop_front();
    first.waits_ = false;
    first.on_handshake_turn();
  }
  if (!waiting_.empty()) loop_.soon(*this);
}

}  // namespace sluice::drive
