#include "proxy/net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "proxy/base/assert.h"

namespace sluice::net {

namespace {
// Ticks since the clock's epoch, rounded up: a timer never fires early.
int64_t tick_after(base::Time time) {
  return (time.time_since_epoch().count() + wheel_tick.count() - 1) / wheel_tick.count();
}
int64_t tick_before(base::Time time) {
  return time.time_since_epoch().count() / wheel_tick.count();
}
base::Time time_of(int64_t tick) {
  return base::Time(base::Duration(tick * wheel_tick.count()));
}
size_t slot_of(int64_t tick) {
  return static_cast<size_t>(tick) % wheel_slots;
}
}  // namespace

Timer::~Timer() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

void TimerWheel::arm(Timer& timer, base::Time deadline) {
  timer.deadline_ = deadline;
  timer.armed_ = true;
  if (timer.wheel_ != nullptr) {
    if (timer.slot_time_ <= deadline + wheel_tick) return;  // the wheel gets there in time
    unlink(timer);
  }
  link(timer);
}

void TimerWheel::link(Timer& timer) {
  const int64_t first = tick_before(at_) + 1;
  const int64_t last = first + static_cast<int64_t>(wheel_slots) - 2;
  const int64_t tick = std::clamp(tick_after(timer.deadline_), first, last);
  timer.slot_ = slot_of(tick);
  timer.slot_time_ = time_of(tick);
  Timer*& head = slots_[timer.slot_];
  timer.next_ = head;
  timer.link_ = &head;
  if (head != nullptr) head->link_ = &timer.next_;
  head = &timer;
  timer.wheel_ = this;
  used_[timer.slot_ / 64] |= uint64_t{1} << (timer.slot_ % 64);
}

void TimerWheel::unlink(Timer& timer) {
  *timer.link_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->link_ = timer.link_;
  if (slots_[timer.slot_] == nullptr) used_[timer.slot_ / 64] &= ~(uint64_t{1} << (timer.slot_ % 64));
  timer.wheel_ = nullptr;
  timer.next_ = nullptr;
  timer.link_ = nullptr;
}

void TimerWheel::run_slot(size_t slot, base::Time now) {
  // Taken off one by one, because on_timer() may destroy or arm any other; what is not due goes into later slots.
  while (Timer* timer = slots_[slot]) {
    unlink(*timer);
    if (!timer->armed_) continue;
    if (timer->deadline_ > now) {
      link(*timer);
      continue;
    }
    timer->armed_ = false;
    timer->on_timer();
  }
}

void TimerWheel::advance(base::Time now) {
  const int64_t target = tick_before(now);
  int64_t tick = tick_before(at_);
  if (target - tick > static_cast<int64_t>(wheel_slots)) tick = target - static_cast<int64_t>(wheel_slots);
  while (tick < target) {
    ++tick;
    at_ = time_of(tick);
    if (slots_[slot_of(tick)] != nullptr) run_slot(slot_of(tick), now);
  }
}

std::optional<base::Time> TimerWheel::next() const {
  const int64_t tick = tick_before(at_);
  const size_t start = slot_of(tick + 1);
  for (size_t step = 0; step <= used_.size(); ++step) {  // once round, the first word twice: its two ends
    const size_t word = (start / 64 + step) % used_.size();
    uint64_t bits = used_[word];
    if (step == 0) bits &= ~uint64_t{0} << (start % 64);
    if (bits == 0) continue;
    const size_t slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
    return time_of(tick + 1 + static_cast<int64_t>((slot + wheel_slots - start) % wheel_slots));
  }
  return std::nullopt;
}

}  // namespace sluice::net
