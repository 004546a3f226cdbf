#include "events/api/stream_pool.h"

#include <system_error>
#include <utility>

#include "events/api/limits.h"

namespace sluice::api {

void StreamPool::enqueue(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || jobs_.size() < connections_waiting_max; });
  jobs_.push_back(std::move(job));
  add_thread();
  changed_.notify_all();
}

void StreamPool::shutdown() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

bool StreamPool::begin_stream() {
  const std::lock_guard lock(mutex_);
  if (streams_ >= lasting_streams_max) return false;
  ++streams_;
  add_thread();
  changed_.notify_all();
  return true;
}

void StreamPool::end_stream() {
  const std::lock_guard lock(mutex_);
  --streams_;
}

// Waiting jobs that no idle thread is going to take get a new one. A connection holds its thread while it is kept
// alive, so one that is queued behind others would wait for seconds.
void StreamPool::add_thread() {
  const size_t idle = threads_.size() - busy_;
  if (stopping_ || jobs_.size() <= idle || threads_.size() >= request_threads + streams_) return;
  try {
    threads_.emplace_back([this] { run(); });
  } catch (const std::system_error&) {
    // The machine refuses another thread: those that there are take the jobs, one after the other.
  }
}

void StreamPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] {
      return (!jobs_.empty() && busy_ < request_threads + streams_) || (stopping_ && jobs_.empty());
    });
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    ++busy_;
    changed_.notify_all();
    lock.unlock();
    job();
    lock.lock();
    --busy_;
    changed_.notify_all();
  }
}

}  // namespace sluice::api
