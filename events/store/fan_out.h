#pragma once
// FanOut: hands newly committed records to live subscriptions, each with a bounded queue. Publishing is the writer
// thread's; everything else may come from any thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "events/store/event_store.h"

namespace sluice::store {

class FanOut {
 public:
  FanOut();
  ~FanOut();

  // `next_offset`: finals up to here are all published. `build` runs only if somebody listens.
  void publish(const std::function<std::vector<SharedRecord>()>& build, uint64_t next_offset);
  void end();

  std::unique_ptr<Subscription> subscribe(uint32_t queue_records_max, std::function<void()> ready);

 private:
  class Queue;
  class Handle;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Queue>> queues_;
  uint64_t next_offset_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::store
