#include "events/store/fan_out.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

namespace sluice::store {

// What waits for one subscription. Shared by the fan-out and the handle; all under its own mutex.
class FanOut::Queue {
 public:
  Queue(uint32_t records_max, std::function<void()> ready, uint64_t start)
      : records_max_(records_max), ready_(std::move(ready)), next_offset_(start) {}

  // The list is shared by all queues: what a commit costs the writer does not grow by its records for each viewer.
  void push(const std::shared_ptr<const std::vector<SharedRecord>>& records, uint64_t next_offset) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      wake = !pending_;
      pending_ = true;
      next_offset_ = next_offset;
      if (!records->empty()) pieces_.push_back({records, 0});
      records_ += records->size();
      while (records_ > records_max_) {  // the newest are worth most to someone who watches
        Subscription::Piece& oldest = pieces_.front();
        const size_t dropped = std::min(records_ - records_max_, oldest.records->size() - oldest.first);
        oldest.first += dropped;
        records_ -= dropped;
        skipped_ += dropped;
        if (oldest.first == oldest.records->size()) pieces_.pop_front();
      }
    }
    if (wake && ready_) ready_();
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    if (ready_) ready_();
  }

  Subscription::Update take() {
    Subscription::Update update;
    const std::lock_guard lock(mutex_);
    update.pieces.assign(std::make_move_iterator(pieces_.begin()), std::make_move_iterator(pieces_.end()));
    pieces_.clear();
    records_ = 0;
    update.next_offset = next_offset_;
    update.skipped = std::exchange(skipped_, 0);
    update.ended = ended_;
    pending_ = false;
    return update;
  }

 private:
  const uint32_t records_max_;
  const std::function<void()> ready_;
  std::mutex mutex_;
  std::deque<Subscription::Piece> pieces_;
  size_t records_ = 0;  // in all pieces
  uint64_t next_offset_;
  uint64_t skipped_ = 0;
  bool pending_ = false;
  bool ended_ = false;
};

// The subscriber's end.
class FanOut::Handle : public Subscription {
 public:
  Handle(FanOut& owner, std::shared_ptr<Queue> queue, uint64_t start)
      : owner_(owner), queue_(std::move(queue)), start_(start) {}
  ~Handle() override {
    const std::lock_guard lock(owner_.mutex_);  // waits for a publish() that is calling ready
    std::erase(owner_.queues_, queue_);
  }
  Update poll() override { return queue_->take(); }
  uint64_t start_offset() const override { return start_; }

 private:
  FanOut& owner_;
  std::shared_ptr<Queue> queue_;
  const uint64_t start_;
};

FanOut::FanOut() = default;
FanOut::~FanOut() = default;

void FanOut::publish(const std::function<std::vector<SharedRecord>()>& build, uint64_t next_offset) {
  const std::lock_guard lock(mutex_);
  next_offset_ = next_offset;
  if (queues_.empty()) return;
  const auto records = std::make_shared<const std::vector<SharedRecord>>(build());
  for (const auto& queue : queues_) queue->push(records, next_offset);
}

void FanOut::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const auto& queue : queues_) queue->end();
}

std::unique_ptr<Subscription> FanOut::subscribe(uint32_t queue_records_max, std::function<void()> ready) {
  const std::lock_guard lock(mutex_);
  auto queue = std::make_shared<Queue>(std::max(queue_records_max, 1u), std::move(ready), next_offset_);
  if (ended_) queue->end();
  queues_.push_back(queue);
  return std::make_unique<Handle>(*this, std::move(queue), next_offset_);
}

}  // namespace sluice::store
