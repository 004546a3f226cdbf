#pragma once
// FrameBudget: a bucket of permissions that fills with time. What a peer may do for nothing, at once and per second.
#include <algorithm>
#include <cstdint>

#include "proxy/base/time.h"

namespace sluice::http {

class FrameBudget {
 public:
  FrameBudget(int64_t burst_max, int64_t per_second, base::Time now)
      : burst_max_(burst_max * 1000), per_second_(per_second), filled_(now), left_(burst_max * 1000) {}

  void refill(base::Time now) {
    left_ = std::min(burst_max_, left_ + (now - filled_).count() * per_second_);
    filled_ = now;
  }
  // False when there is none left.
  bool take() { return (left_ -= 1000) >= 0; }
  void give() { left_ = std::min(burst_max_, left_ + 1000); }

 private:
  int64_t burst_max_;  // thousandths of a permission
  int64_t per_second_;
  base::Time filled_;
  int64_t left_;
};

}  // namespace sluice::http
