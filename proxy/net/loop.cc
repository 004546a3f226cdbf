#include "proxy/net/loop.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "proxy/base/assert.h"

namespace sluice::net {

struct Loop::Uv {
  uv_loop_t loop{};
  uv_async_t async{};
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex
};

class Loop::UvTarget : public PollTarget {
 public:
  explicit UvTarget(Loop& loop) : loop_(loop) {}
  void on_poll(uint32_t) override { loop_.uv_due_ = true; }

 private:
  Loop& loop_;
};

namespace {

uint32_t to_epoll(uint32_t readiness, Loop::Trigger trigger) {
  uint32_t events = 0;
  if (readiness & kReadable) events |= EPOLLIN | EPOLLRDHUP;
  if (readiness & kWritable) events |= EPOLLOUT;
  if (trigger == Loop::Trigger::kEdge) events |= EPOLLET;
  return events;
}

uint32_t from_epoll(uint32_t events) {
  uint32_t readiness = 0;
  if (events & EPOLLIN) readiness |= kReadable;
  if (events & EPOLLOUT) readiness |= kWritable;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readiness |= kReadable | kHangup;
  if (events & (EPOLLHUP | EPOLLERR)) readiness |= kWritable;
  return readiness;
}

}  // namespace

Loop::Loop() : uv_(std::make_unique<Uv>()), now_(base::time_now()), timers_(now_) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  SLUICE_ASSERT(epoll_fd_ >= 0);
  SLUICE_ASSERT(uv_loop_init(&uv_->loop) == 0);
  uv_->async.data = this;
  const auto on_async = [](uv_async_t* async) {
    auto& loop = *static_cast<Loop*>(async->data);
    std::vector<std::function<void()>> work;
    {
      std::lock_guard lock(loop.uv_->mutex);
      work.swap(loop.uv_->posted);
    }
    for (auto& item : work) item();
  };
  SLUICE_ASSERT(uv_async_init(&uv_->loop, &uv_->async, on_async) == 0);
  uv_target_ = std::make_unique<UvTarget>(*this);
  SLUICE_ASSERT(watch(uv_backend_fd(&uv_->loop), *uv_target_, kReadable, Trigger::kLevel));
}

Loop::~Loop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_->async), nullptr);
  while (uv_run(&uv_->loop, UV_RUN_DEFAULT) != 0) {
  }
  SLUICE_ASSERT(uv_loop_close(&uv_->loop) == 0);
  ::close(epoll_fd_);
}

uv_loop_s* Loop::uv() {
  return &uv_->loop;
}

void Loop::post(std::function<void()> work) {
  std::lock_guard lock(uv_->mutex);
  uv_->posted.push_back(std::move(work));
  uv_async_send(&uv_->async);
}

void Loop::offload(std::function<void()> work, std::function<void()> done) {
  struct Request {
    uv_work_t request{};
    std::function<void()> work, done;
  };
  auto request = std::make_unique<Request>();
  request->request.data = request.get();
  request->work = std::move(work);
  request->done = std::move(done);
  const int status = uv_queue_work(
      &uv_->loop, &request->request, [](uv_work_t* r) { static_cast<Request*>(r->data)->work(); },
      [](uv_work_t* r, int) {
        const std::unique_ptr<Request> owned(static_cast<Request*>(r->data));
        owned->done();
      });
  SLUICE_ASSERT(status == 0);
  (void)request.release();  // freed by the completion above
  touch_uv();
}

bool Loop::watch(int fd, PollTarget& target, uint32_t readiness, Trigger trigger) {
  epoll_event event{};
  event.events = to_epoll(readiness, trigger);
  event.data.ptr = &target;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::rewatch(int fd, PollTarget& target, uint32_t readiness, Trigger trigger) {
  epoll_event event{};
  event.events = to_epoll(readiness, trigger);
  event.data.ptr = &target;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0;
}

void Loop::unwatch(PollTarget& target) {
  auto* events = static_cast<epoll_event*>(batch_);
  for (int i = batch_at_; i < batch_size_; ++i) {
    if (events[i].data.ptr == &target) events[i].data.ptr = nullptr;
  }
}

void Loop::soon(Ready& ready) {
  if (ready.queued_) return;
  ready.queued_ = true;
  ready_.push_back(&ready);
}

void Loop::not_soon(Ready& ready) {
  if (!ready.queued_) return;
  ready.queued_ = false;
  std::replace(ready_.begin(), ready_.end(), &ready, static_cast<Ready*>(nullptr));
}

void Loop::run_ready() {
  // Only what was queued before: work that queues itself again waits for the next turn, so sockets get theirs.
  const size_t count = ready_.size();
  for (size_t i = 0; i < count; ++i) {
    Ready* ready = std::exchange(ready_[i], nullptr);
    if (ready == nullptr) continue;
    ready->queued_ = false;
    ready->on_ready();
  }
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
}

int Loop::timeout_ms() const {
  if (!ready_.empty() || uv_due_) return 0;
  uv_update_time(&uv_->loop);
  int timeout = uv_backend_timeout(&uv_->loop);
  if (const auto next = timers_.next()) {
    const auto wait = std::clamp<int64_t>((*next - base::time_now()).count() + 1, 0, 60'000);
    timeout = timeout < 0 ? static_cast<int>(wait) : std::min(timeout, static_cast<int>(wait));
  }
  return timeout;
}

void Loop::dispatch(int timeout_ms) {
  epoll_event events[poll_events_max];
  const int count = epoll_wait(epoll_fd_, events, poll_events_max, timeout_ms);
  now_ = base::time_now();
  if (count <= 0) {
    SLUICE_ASSERT(count == 0 || errno == EINTR);
    return;
  }
  batch_ = events;
  batch_size_ = count;
  for (batch_at_ = 0; batch_at_ < count;) {
    const epoll_event& event = events[batch_at_++];
    if (event.data.ptr != nullptr) static_cast<PollTarget*>(event.data.ptr)->on_poll(from_epoll(event.events));
  }
  batch_size_ = batch_at_ = 0;
  batch_ = nullptr;
}

void Loop::run() {
  while (!stopped_) {
    dispatch(timeout_ms());
    uv_update_time(&uv_->loop);
    if (uv_due_ || uv_backend_timeout(&uv_->loop) == 0) {
      uv_due_ = false;
      uv_run(&uv_->loop, UV_RUN_NOWAIT);
    }
    timers_.advance(now_);
    run_ready();
    for (const auto& hook : turn_end_) hook();
  }
  stopped_ = false;
}

void Loop::stop() {
  stopped_ = true;
}

}  // namespace sluice::net
