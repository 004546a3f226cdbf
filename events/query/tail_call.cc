#include "events/query/tail_call.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "events/query/limits.h"
#include "proxy/base/assert.h"

namespace sluice::query {

namespace v1 = events::v1;
using google::protobuf::internal::WireFormatLite;
using grpc::Status;
using grpc::StatusCode;
using store::SharedRecord;
using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

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
class TailCall : public Reactor {
 public:
  TailCall(store::EventStore& store, TailTexts& texts, WorkerPool& pool, TailOptions options,
           std::function<void()> ended)
      : store_(store),
        texts_(texts),
        audience_(std::move(options.filter), options.include_open),
        ended_(std::move(ended)) {
    turn_ = std::make_shared<Turn>(pool, [this] { step(); });
    subscription_ = store_.subscribe(tail_queue_records_max, [turn = turn_] { Turn::wake(turn); });
    live_from_ = subscription_->start_offset();
    offset_ = options.from_offset == 0 ? live_from_ : std::min(options.from_offset, live_from_);
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
    if (broken_.ok() && (!waiting_.empty() || skipped_ > 0 || !greeted_)) return write();
    if (broken_.ok() && !ended_by_store_) return;
    const Status status = broken_.ok() ? Status(StatusCode::UNAVAILABLE, "the event store is closing") : broken_;
    subscription_.reset();
    const std::shared_ptr<Turn> turn = turn_;  // this may be deleted within Finish
    turn->end();
    Finish(status);
  }

  void write() {
    std::vector<grpc::Slice> slices;
    uint64_t last = 0;
    if (!waiting_.empty()) {
      const Waiting& next = waiting_.front();
      const TailText& text = next.texts->at(next.at);
      slices.push_back(slice_of(next.texts, text.bytes));
      last = text.last_offset;
      waiting_.pop_front();
    }
    greeted_ = true;
    // With more of this batch to come, resuming must not jump over what is still to be sent.
    sent_ = waiting_.empty() ? offset_ : std::max(sent_, last);
    v1::TailResponse own;  // behind the records: a message is the sum of its fields, in any order
    own.set_skipped(std::exchange(skipped_, 0));
    own.set_next_offset(sent_);
    slices.emplace_back(own.SerializeAsString());
    response_ = grpc::ByteBuffer(slices.data(), slices.size());
    {
      const std::lock_guard lock(mutex_);
      writing_ = true;
    }
    StartWrite(&response_);
  }

  // Shares the bytes for as long as gRPC needs them.
  static grpc::Slice slice_of(const TailTextList& owner, const std::string& bytes) {
    auto* held = new TailTextList(owner);
    return {const_cast<char*>(bytes.data()), bytes.size(), [](void* list) { delete static_cast<TailTextList*>(list); },
            held};
  }

  void wait_for(const TailTextList& texts) {
    for (size_t at = 0; at < texts->size(); ++at) waiting_.push_back({texts, at});
  }

  void gather() {
    if (offset_ < live_from_) return catch_up();
    const store::Subscription::Update update = subscription_->poll();
    for (const store::Subscription::Piece& piece : update.pieces) wait_for(texts_.of(piece, audience_));
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
    std::vector<SharedRecord> records;
    for (v1::StoredRecord& record : page->records) {
      if (record.offset() > live_from_ || !audience_.wants(record)) continue;
      records.push_back(std::make_shared<const v1::StoredRecord>(std::move(record)));
    }
    wait_for(texts_.of(records));
    const bool stuck = page->next_offset <= offset_;
    offset_ = stuck || page->caught_up ? live_from_ : std::min(page->next_offset, live_from_);
    Turn::wake(turn_);
  }

  struct Waiting {
    TailTextList texts;
    size_t at = 0;
  };
  store::EventStore& store_;
  TailTexts& texts_;
  const TailAudience audience_;
  const std::function<void()> ended_;
  std::shared_ptr<Turn> turn_;
  std::unique_ptr<store::Subscription> subscription_;
  uint64_t live_from_ = 0;  // finals after this one come by subscription
  uint64_t offset_ = 0;     // everything up to here was gathered
  uint64_t sent_ = 0;       // what the last answer told the caller to resume from
  std::deque<Waiting> waiting_;
  uint64_t skipped_ = 0;
  bool greeted_ = false;  // the first answer goes out at once: it tells the caller where the stream stands
  bool ended_by_store_ = false;
  Status broken_;
  grpc::ByteBuffer response_;  // gRPC's while writing_

  std::mutex mutex_;
  bool writing_ = false;
  bool cancelled_ = false;
};

class RefusedTail : public Reactor {
 public:
  explicit RefusedTail(const Status& status) { Finish(status); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

Reactor* start_tail(store::EventStore& store, TailTexts& texts, WorkerPool& pool, TailOptions options,
                    std::function<void()> ended) {
  return new TailCall(store, texts, pool, std::move(options), std::move(ended));
}

Reactor* refuse_tail(Status status) {
  return new RefusedTail(status);
}

void append_tail_record(std::string& out, const SharedRecord& record) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  WireFormatLite::WriteTag(v1::TailResponse::kRecordsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, &coded);
  coded.WriteVarint32(static_cast<uint32_t>(record->ByteSizeLong()));
  record->SerializeToCodedStream(&coded);
}

}  // namespace sluice::query
