#pragma once
// TimerWheel: many deadlines that mostly move or vanish before they are due. Moving one later costs a store: the entry
// stays in its old slot and is put further on when the wheel gets there. One thread.
#include <array>
#include <cstdint>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/net/limits.h"

namespace sluice::net {

class TimerWheel;

// A deadline inside its owner. Leaves the wheel when destroyed.
class Timer {
 public:
  Timer() = default;
  virtual ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return armed_; }

 protected:
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;  // set while linked
  Timer* next_ = nullptr;
  Timer** link_ = nullptr;  // what points at us
  base::Time deadline_{};
  base::Time slot_time_{};  // when the wheel will look at us
  size_t slot_ = 0;
  bool armed_ = false;
};

class TimerWheel {
 public:
  explicit TimerWheel(base::Time now) : at_(now) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(Timer& timer, base::Time deadline);
  void disarm(Timer& timer) { timer.armed_ = false; }  // stays linked until its slot comes or it dies

  // Runs what is due; a timer may arm, disarm or destroy any timer, itself included.
  void advance(base::Time now);
  // When advance() next has something to look at.
  std::optional<base::Time> next() const;

 private:
  friend class Timer;
  void link(Timer& timer);
  void unlink(Timer& timer);
  void run_slot(size_t slot, base::Time now);

  base::Time at_;  // slots up to here have been looked at
  std::array<Timer*, wheel_slots> slots_{};
  std::array<uint64_t, wheel_slots / 64> used_{};  // one bit per slot that is not empty
};

}  // namespace sluice::net
