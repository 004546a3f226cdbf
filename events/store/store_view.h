#pragma once
// StoreView: what the writer thread tells readers after each commit. Any thread.
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "events/store/day_file.h"

namespace sluice::store {

using Days = std::shared_ptr<const std::vector<DayInfo>>;  // ascending by day

class StoreView {
 public:
  Days days() const {
    const std::lock_guard lock(mutex_);
    return days_;
  }
  void set_days(Days days) {
    const std::lock_guard lock(mutex_);
    days_ = std::move(days);
  }
  // Every final up to here is committed in its day file, and the catalogue knows.
  uint64_t published() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }
  void set_published(uint64_t offset) {
    const std::lock_guard lock(mutex_);
    published_ = offset;
  }

 private:
  mutable std::mutex mutex_;
  Days days_ = std::make_shared<const std::vector<DayInfo>>();
  uint64_t published_ = 0;
};

}  // namespace sluice::store
