#pragma once
// ReceiveWindow: how much a peer may send ahead of our reading, on one stream or on a connection. It begins small and
// doubles while it is what holds the peer back: half of it was consumed within two round trips. A reader that stalls
// never gets there.
#include <algorithm>
#include <cstdint>

#include "proxy/base/time.h"
#include "proxy/http/limits.h"

namespace sluice::http {

class ReceiveWindow {
 public:
  ReceiveWindow(int32_t bytes, int32_t bytes_max, base::Time now)
      : bytes_(bytes), bytes_max_(bytes_max), looked_at_(now) {}

  int32_t bytes() const { return bytes_; }
  // Counts what was consumed. True when the window has grown: the peer must be told.
  bool consume(size_t count, base::Time now, base::Duration round_trip) {
    consumed_ += count;
    if (consumed_ < static_cast<size_t>(bytes_) / 2) return false;
    const bool held_back = now - looked_at_ <= 2 * std::max(round_trip, round_trip_min);
    consumed_ = 0;
    looked_at_ = now;
    if (!held_back || bytes_ >= bytes_max_) return false;
    bytes_ *= 2;
    return true;
  }

 private:
  int32_t bytes_;
  int32_t bytes_max_;
  size_t consumed_ = 0;  // since looked_at_
  base::Time looked_at_;
};

}  // namespace sluice::http
