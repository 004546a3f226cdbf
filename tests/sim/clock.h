#pragma once
// Virtual time: what will happen, in order. Two things at the same moment happen in the order in which they were asked.
#include <functional>
#include <map>
#include <utility>

#include "proxy/base/time.h"

namespace sluice::sim {

class Clock {
 public:
  using Task = std::function<void()>;

  base::Time now() const { return now_; }
  // The wall clock is another one: it may be set while the world goes on.
  base::WallTime wall() const { return base::WallTime(now_.time_since_epoch() + wall_offset_); }
  void set_wall_back(base::Duration by) { wall_offset_ -= by; }

  void after(base::Duration delay, Task task) { tasks_.emplace(now_ + delay, std::move(task)); }
  // Does the next thing; false when nothing is left to happen.
  bool step() {
    if (tasks_.empty()) return false;
    auto first = tasks_.extract(tasks_.begin());
    now_ = first.key();
    first.mapped()();
    return true;
  }

 private:
  base::Time now_{base::Duration(1'000'000)};
  base::Duration wall_offset_{1'767'268'800'000};  // 2026-01-01
  std::multimap<base::Time, Task> tasks_;
};

}  // namespace sluice::sim
