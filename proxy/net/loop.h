#pragma once
// Loop: one thread's turn of events. Sockets are edge-triggered in our own epoll set (one registration each, never
// changed while they are quiet); libuv drives everything rarer (signals, mailboxes, name servers, the thread pool) and
// is itself one descriptor in that set. A turn is: wait, dispatch, deadlines, ready list, turn-end hooks.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/net/timer_wheel.h"

struct uv_loop_s;

namespace sluice::net {

enum Readiness : uint32_t {
  kReadable = 1,
  kWritable = 2,
  kHangup = 4,  // the peer has sent FIN, or the connection is dead: read until 0 or an error
};

// Owner of a watched descriptor. Must outlive its registration; Loop::unwatch also forgets events of the current turn.
class PollTarget {
 public:
  virtual void on_poll(uint32_t readiness) = 0;

 protected:
  virtual ~PollTarget() = default;
};

// Work that must run before the loop blocks again. Intrusive; belongs to one loop at a time.
class Ready {
 public:
  virtual void on_ready() = 0;

 protected:
  virtual ~Ready() = default;

 private:
  friend class Loop;
  bool queued_ = false;
};

class Loop {
 public:
  Loop();
  ~Loop();  // everything registered must be gone
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop()
  void stop();  // from the loop's thread
  // From any thread: runs `work` on the loop's thread, in order of posting.
  void post(std::function<void()> work);
  // Runs `work` on libuv's thread pool, then `done` on this loop.
  void offload(std::function<void()> work, std::function<void()> done);

  base::Time now() const { return now_; }
  TimerWheel& timers() { return timers_; }

  enum class Trigger { kEdge, kLevel };
  // Watches `fd`; errors only when the kernel is out of memory or watches.
  [[nodiscard]] bool watch(int fd, PollTarget& target, uint32_t readiness, Trigger trigger = Trigger::kEdge);
  [[nodiscard]] bool rewatch(int fd, PollTarget& target, uint32_t readiness, Trigger trigger = Trigger::kEdge);
  // Call when `fd` is about to be closed (closing removes it from the kernel's set).
  void unwatch(PollTarget& target);

  // Queues `ready` for this turn (or the next, if the list is already being run); at most once.
  void soon(Ready& ready);
  void not_soon(Ready& ready);

  // Hooks run at the end of each turn, in order of registration, before the loop may block.
  void at_turn_end(std::function<void()> hook) { turn_end_.push_back(std::move(hook)); }

  // Door-internal: the libuv loop, and a mark that it has new watchers or requests.
  uv_loop_s* uv();
  void touch_uv() { uv_due_ = true; }

 private:
  struct Uv;
  class UvTarget;

  void dispatch(int timeout_ms);
  void run_ready();
  int timeout_ms() const;

  std::unique_ptr<Uv> uv_;
  std::unique_ptr<UvTarget> uv_target_;
  int epoll_fd_ = -1;
  bool stopped_ = false;
  bool uv_due_ = true;
  base::Time now_;
  TimerWheel timers_;
  std::vector<Ready*> ready_;
  std::vector<std::function<void()>> turn_end_;
  // The batch being dispatched; unwatch() blanks entries of targets that die in it.
  void* batch_ = nullptr;
  int batch_at_ = 0;
  int batch_size_ = 0;
};

}  // namespace sluice::net
