#pragma once
// RoundTrip: measures how long a PING takes, one at a time. The number in a PING tells its own answer from others.
#include <cstdint>
#include <optional>

#include "proxy/base/time.h"

namespace sluice::http {

class RoundTrip {
 public:
  // A PING with this number leaves now.
  uint64_t begin(base::Time now) {
    sent_ = now;
    waiting_ = true;
    return ++number_;
  }
  void answered(uint64_t number, base::Time now) {
    if (!waiting_ || number != number_) return;
    waiting_ = false;
    value_ = now - sent_;
  }
  // Since the last PING left, answered or not.
  base::Duration age(base::Time now) const { return now - sent_; }
  bool measured() const { return value_.has_value(); }
  bool waiting() const { return waiting_; }
  std::optional<base::Duration> value() const { return value_; }

 private:
  uint64_t number_ = 0;
  bool waiting_ = false;
  base::Time sent_{};
  std::optional<base::Duration> value_;
};

}  // namespace sluice::http
