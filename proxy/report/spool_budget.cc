#include "proxy/report/spool_budget.h"

#include "proxy/report/limits.h"

namespace sluice::report {

SpoolBudget::SpoolBudget(uint64_t max_bytes, WhenFull when_full)
    : max_bytes_(max_bytes), reserve_bytes_(max_bytes / spool_reserve_divisor), when_full_(when_full) {}

bool SpoolBudget::charge(uint64_t bytes) {
  uint64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (used > max_bytes_ || bytes > max_bytes_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool SpoolBudget::take_alarm() {
  const uint64_t now = used();
  if (now < max_bytes_ / 100 * alarm_rearm_percent) {
    if (alarmed_.load(std::memory_order_relaxed)) alarmed_.store(false, std::memory_order_relaxed);
    return false;
  }
  if (now < max_bytes_ / 100 * alarm_percent) return false;
  return !alarmed_.load(std::memory_order_relaxed) && !alarmed_.exchange(true, std::memory_order_relaxed);
}

}  // namespace sluice::report
