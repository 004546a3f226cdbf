#pragma once
// StreamPool: the threads of the HTTP server. Requests have request_threads; an answer that lasts moves out of that
// count while it lasts, so that viewers of the live tail never keep requests waiting.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::api {

// Any thread.
class StreamPool {
 public:
  StreamPool() = default;
  ~StreamPool() { shutdown(); }
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  // Waits while connections_waiting_max wait already.
  void enqueue(std::function<void()> job);
  // Runs what waits, then ends. Idempotent.
  void shutdown();

  // Called by a job: from now on it is a stream. False if there are lasting_streams_max already.
  bool begin_stream();
  void end_stream();

 private:
  void run();
  void add_thread();  // if one is needed; with the mutex held

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  size_t busy_ = 0;
  size_t streams_ = 0;
  bool stopping_ = false;
};

}  // namespace sluice::api
