#pragma once
// Two clocks that cannot be mixed up: monotonic for deadlines and durations, wall for records.
#include <chrono>
#include <cstdint>

namespace sluice::base {

using Time = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;
// Epoch milliseconds, UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

inline Time time_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now());
}
inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}
inline int64_t epoch_ms(WallTime time) {
  return time.time_since_epoch().count();
}

}  // namespace sluice::base
