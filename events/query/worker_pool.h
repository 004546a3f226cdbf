#pragma once
// WorkerPool: a few threads that run jobs in the order they came, so that nothing slow runs on gRPC's threads.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::query {

// Jobs still waiting at destruction are run; post nothing by then. Used from any thread.
class WorkerPool {
 public:
  // `jobs_max`: how many may wait.
  WorkerPool(size_t threads, size_t jobs_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and `job` dropped, if too many wait already.
  [[nodiscard]] bool post(std::function<void()> job);

 private:
  void run();

  const size_t jobs_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::query
