#pragma once
// StoreView: what the writer thread tells readers after each commit. Any thread.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "events/store/day_file.h"

namespace sluice::store {

// The days of one commit, ascending. A range that holds what it ranges over, so that `for (... : view.days())` is safe
// while the writer publishes the next ones. Immutable; cheap to copy.
class Days {
 public:
  Days() : Days(std::vector<DayInfo>{}) {}
  explicit Days(std::vector<DayInfo> days) : days_(std::make_shared<const std::vector<DayInfo>>(std::move(days))) {}

  auto begin() const { return days_->begin(); }
  auto end() const { return days_->end(); }
  auto rbegin() const { return days_->rbegin(); }
  auto rend() const { return days_->rend(); }

 private:
  std::shared_ptr<const std::vector<DayInfo>> days_;
};

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
  // False once retention has deleted the file.
  bool knows(const std::string& path) const {
    const Days known = days();
    return std::any_of(known.begin(), known.end(), [&](const DayInfo& day) { return day.path == path; });
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
  Days days_;
  uint64_t published_ = 0;
};

}  // namespace sluice::store
