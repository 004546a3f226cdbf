#pragma once
// SpoolBudget: how many bytes all spools of the process may hold together.
#include <atomic>
#include <cstdint>

namespace sluice::report {

enum class WhenFull : uint8_t {
  kRefuseNewFlows,  // lossless: accepting() turns false; a reserve keeps room for flows already admitted
  kDropOldest,      // delete the oldest segments; the hole reaches the store as a gap
};

// Counts bytes on disk exactly. Thread-safe, lock-free; outlives every spool that charges it.
class SpoolBudget {
 public:
  SpoolBudget(uint64_t max_bytes, WhenFull when_full);

  // Takes `bytes` if they fit under max_bytes.
  bool charge(uint64_t bytes);
  // Takes `bytes` that are already on disk, even beyond the maximum (adopted spools).
  void charge_existing(uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  // False once only the reserve is left; then new flows are refused (kRefuseNewFlows) or old records go (kDropOldest).
  bool has_room() const { return used() < max_bytes_ - reserve_bytes_; }
  // True once per crossing of the alarm line: the caller writes the notice.
  bool take_alarm();

  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t max_bytes() const { return max_bytes_; }
  WhenFull when_full() const { return when_full_; }

 private:
  const uint64_t max_bytes_;
  const uint64_t reserve_bytes_;
  const WhenFull when_full_;
  std::atomic<uint64_t> used_{0};
  std::atomic<bool> alarmed_{false};
};

}  // namespace sluice::report
