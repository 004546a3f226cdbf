#include "events/query/tail_call.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "events/query/limits.h"
#include "proxy/base/assert.h"

namespace sluice::query {

namespace v1 = events::v1;
using grpc::Status;
using grpc::StatusCode;
using store::SharedRecord;

namespace {

// Makes steps of one call run one at a time, whoever asks for them (gRPC, the store, the pool), and none after the
// last.
//
//   starting --begin--> queued --pool--> running --step done--> idle --wake--> queued
//                                        running --wake--> again --step done--> queued
//   running, again --end (by the step itself)--> ended
//
// Shared by the call and those who may wake it, because the call may be gone when they do.
class Turn {
 public:
  using Shared = std::shared_ptr<Turn>;
  Turn(WorkerPool& pool, std::function<void()> step) : pool_(pool), step_(std::move(step)) {}

  static void begin(const Shared& turn) {
    {
      const std::lock_guard lock(turn->mutex_);
      turn->state_ = State::kQueued;
    }
    post(turn);
  }

  static void wake(const Shared& turn) {
    {
      const std::lock_guard lock(turn->mutex_);
      if (turn->state_ == State::kRunning) turn->state_ = State::kAgain;
      if (turn->state_ != State::kIdle) return;
      turn->state_ = State::kQueued;
    }
    post(turn);
  }

  // Called by the step: it is the last one. The call may be deleted from now on.
  void end() {
    const std::lock_guard lock(mutex_);
    state_ = State::kEnded;
  }

 private:
  enum class State : uint8_t { kStarting, kQueued, kRunning, kAgain, kIdle, kEnded };

  static void post(const Shared& turn) {
    const bool posted = turn->pool_.post([turn] { run(turn); });
    SLUICE_ASSERT(posted);  // the pool has room for one job of each call
  }

  static void run(const Shared& turn) {
    {
      const std::lock_guard lock(turn->mutex_);
      turn->state_ = State::kRunning;
    }
    turn->step_();
    {
      const std::lock_guard lock(turn->mutex_);
      if (turn->state_ == State::kEnded) return;
      const bool again = turn->state_ == State::kAgain;
      turn->state_ = again ? State::kQueued : State::kIdle;
      if (!again) return;
    }
    post(turn);
  }

  WorkerPool& pool_;
  const std::function<void()> step_;
  std::mutex mutex_;
  State state_ = State::kStarting;
};

// One Tail. step() is the only function that touches the fields without `mutex_`, one at a time in the pool.
class TailCall : public grpc::ServerWriteReactor<v1::TailResponse> {
 public:
  TailCall(store::EventStore& store, WorkerPool& pool, TailOptions options, std::function<void()> ended)
      : store_(store), options_(std::move(options)), ended_(std::move(ended)) {
    turn_ = std::make_shared<Turn>(pool, [this] { step(); });
    subscription_ = store_.subscribe(tail_queue_records_max, [turn = turn_] { Turn::wake(turn); });
    live_from_ = subscription_->start_offset();
    offset_ = options_.from_offset == 0 ? live_from_ : std::min(options_.from_offset, live_from_);
    sent_ = offset_;
    Turn::begin(turn_);
  }

 private:
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Turn::wake(turn_);
  }
  void OnCancel() override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    Turn::wake(turn_);
  }
  void OnDone() override {
    ended_();
    delete this;
  }

  void step() {
    {
      const std::lock_guard lock(mutex_);
      if (writing_) return;  // OnWriteDone wakes
      if (cancelled_) broken_ = Status(StatusCode::CANCELLED, "the reader went away");
    }
    if (broken_.ok() && waiting_.empty()) gather();
    response_.Clear();
    const size_t count = std::min(waiting_.size(), tail_records_per_answer_max);
    if (broken_.ok() && (count > 0 || skipped_ > 0 || !greeted_)) return write(count);
    if (broken_.ok() && !ended_by_store_) return;
    const Status status = broken_.ok() ? Status(StatusCode::UNAVAILABLE, "the event store is closing") : broken_;
    subscription_.reset();
    const std::shared_ptr<Turn> turn = turn_;  // this may be deleted within Finish
    turn->end();
    Finish(status);
  }

  void write(size_t count) {
    for (; response_.records_size() < static_cast<int>(count); waiting_.pop_front()) {
      *response_.add_records() = *waiting_.front();
    }
    greeted_ = true;
    response_.set_skipped(std::exchange(skipped_, 0));
    // With more of this batch to come, resuming must not jump over what is still to be sent.
    response_.set_next_offset(waiting_.empty() ? offset_ : sent_offset());
    sent_ = response_.next_offset();
    {
      const std::lock_guard lock(mutex_);
      writing_ = true;
    }
    StartWrite(&response_);
  }

  // The highest final offset up to which everything that matches was sent.
  uint64_t sent_offset() const {
    uint64_t offset = sent_;
    for (const v1::StoredRecord& record : response_.records()) offset = std::max(offset, record.offset());
    return offset;
  }

  void gather() {
    if (offset_ < live_from_) return catch_up();
    store::Subscription::Update update = subscription_->poll();
    for (SharedRecord& record : update.records) {
      const bool wanted = record->offset() == 0 ? options_.include_open : record->offset() > offset_;
      if (wanted && store::matches(options_.filter, record->record())) waiting_.push_back(std::move(record));
    }
    skipped_ += update.skipped;
    offset_ = std::max(offset_, update.next_offset);
    ended_by_store_ = update.ended;
  }

  void catch_up() {
    auto page = store_.read(offset_, tail_catch_up_records);
    if (!page.ok()) {
      broken_ = Status(StatusCode::UNAVAILABLE, page.error().message);
      return;
    }
    for (v1::StoredRecord& record : page->records) {
      if (record.offset() > live_from_ || !store::matches(options_.filter, record.record())) continue;
      waiting_.push_back(std::make_shared<const v1::StoredRecord>(std::move(record)));
    }
    const bool stuck = page->next_offset <= offset_;
    offset_ = stuck || page->caught_up ? live_from_ : std::min(page->next_offset, live_from_);
    Turn::wake(turn_);
  }

  store::EventStore& store_;
  const TailOptions options_;
  const std::function<void()> ended_;
  std::shared_ptr<Turn> turn_;
  std::unique_ptr<store::Subscription> subscription_;
  uint64_t live_from_ = 0;  // finals after this one come by subscription
  uint64_t offset_ = 0;     // everything up to here was gathered
  uint64_t sent_ = 0;       // what the last answer told the caller to resume from
  std::deque<SharedRecord> waiting_;
  uint64_t skipped_ = 0;
  bool greeted_ = false;  // the first answer goes out at once: it tells the caller where the stream stands
  bool ended_by_store_ = false;
  Status broken_;
  v1::TailResponse response_;  // gRPC's while writing_

  std::mutex mutex_;
  bool writing_ = false;
  bool cancelled_ = false;
};

class RefusedTail : public grpc::ServerWriteReactor<v1::TailResponse> {
 public:
  explicit RefusedTail(const Status& status) { Finish(status); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<v1::TailResponse>* start_tail(store::EventStore& store, WorkerPool& pool, TailOptions options,
                                                       std::function<void()> ended) {
  return new TailCall(store, pool, std::move(options), std::move(ended));
}

grpc::ServerWriteReactor<v1::TailResponse>* refuse_tail(Status status) {
  return new RefusedTail(status);
}

}  // namespace sluice::query
