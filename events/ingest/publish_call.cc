#include "events/ingest/publish_call.h"

#include <utility>

#include "events/ingest/limits.h"

namespace sluice::ingest {

using store::AppendResult;

PublishCall::PublishCall(IngestService& service, std::string source) : service_(service) {
  producer_.source = std::move(source);
  producer_.tenant = service.tenant();
}

PublishCall* PublishCall::start(IngestService& service, std::string source) {
  std::shared_ptr<PublishCall> call(new PublishCall(service, std::move(source)));
  call->self_ = call;
  ++service.counters().streams_total;
  ++service.counters().streams_open;
  const std::lock_guard lock(call->mutex_);
  call->read_on();
  return call.get();
}

void PublishCall::read_on() {
  if (reading_ || finished_ || requests_ended_ || phase_ == Phase::kRefused) return;
  if (phase_ == Phase::kGreeting && hello_seen_) return;
  // With nothing pending there is no answer that would wake us, so one batch is always read.
  const bool full = pending_bytes_ >= pending_bytes_max || !service_.store().has_room();
  if (pending_ > 0 && full) return;
  reading_ = true;
  StartRead(&request_);
}

void PublishCall::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  reading_ = false;
  if (finished_) return;
  if (!ok) {
    requests_ended_ = true;
    finish_if_answered();
    return;
  }
  switch (request_.request_case()) {
    case Request::kHello: on_hello(request_.hello()); break;
    case Request::kBatch: on_batch(*request_.mutable_batch()); break;
    case Request::REQUEST_NOT_SET: break;  // a newer producer's word that we do not know
  }
  read_on();
}

void PublishCall::on_hello(const Request::Hello& hello) {
  if (hello_seen_ || hello.producer_id() == 0 || hello.observed_by().size() > name_bytes_max) {
    finish({grpc::StatusCode::INVALID_ARGUMENT, "one Hello with a producer_id begins a stream"});
    return;
  }
  hello_seen_ = true;
  producer_.id = hello.producer_id();
  producer_.observed_by = hello.observed_by();
  const bool taken =
      service_.store().open_producer({producer_.id, producer_.source, producer_.observed_by},
                                     [self = self_](const AppendResult& result) { self->on_welcome(result); });
  if (!taken) return finish({grpc::StatusCode::UNAVAILABLE, "the store is stopping"});
  ++pending_;  // before its answer, which needs our mutex
}

void PublishCall::on_welcome(const AppendResult& result) {
  bool welcome = false;
  {
    const std::lock_guard lock(mutex_);
    --pending_;
    if (finished_) return;
    welcome = result.code == AppendResult::Code::kCommitted;
    if (!welcome) answer(result);
  }
  if (!welcome) return;
  service_.take_over(producer_.id, self_);  // locks the service first, never while we are locked
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  phase_ = Phase::kPublishing;
  committed_ = result.committed_seq;
  Response::Welcome& message = *responses_.emplace_back().mutable_welcome();
  message.set_committed_seq(result.committed_seq);
  message.set_window_bytes(window_bytes);
  message.set_batch_bytes_max(report::batch_bytes_max);
  write_on();
  read_on();
}

void PublishCall::on_batch(Request::Batch& batch) {
  if (phase_ != Phase::kPublishing) {
    finish({grpc::StatusCode::FAILED_PRECONDITION, "a batch came before Hello was answered"});
    return;
  }
  ++service_.counters().batches;
  service_.counters().records += batch.count();
  service_.counters().payload_bytes += batch.payload().size();
  auto decoded = decode_batch(batch, producer_);
  if (!decoded.ok()) {
    nack(Response::Nack::CODE_CORRUPT, {AppendResult::Code::kUnavailable, committed_, 0, decoded.error().message});
    return;
  }
  const uint64_t bytes = decoded->payload.size() + decoded->unpacked.size();
  const bool taken =
      service_.store().append(std::move(decoded).value(),
                              [self = self_, bytes](const AppendResult& result) { self->on_appended(bytes, result); });
  if (!taken) return finish({grpc::StatusCode::UNAVAILABLE, "the store is stopping"});
  ++pending_;  // before its answer, which needs our mutex
  pending_bytes_ += bytes;
}

void PublishCall::on_appended(uint64_t bytes, const AppendResult& result) {
  const std::lock_guard lock(mutex_);
  --pending_;
  pending_bytes_ -= bytes;
  if (finished_) return;
  answer(result);
  read_on();
  finish_if_answered();
}

void PublishCall::answer(const AppendResult& result) {
  if (phase_ == Phase::kRefused) return;  // the first refusal ended it
  switch (result.code) {
    case AppendResult::Code::kCommitted:
      committed_ = result.committed_seq;
      // An Ack that still waits is overtaken by this one.
      if (responses_.empty() || !responses_.back().has_ack()) responses_.emplace_back();
      responses_.back().mutable_ack()->set_committed_seq(result.committed_seq);
      write_on();
      return;
    case AppendResult::Code::kOutOfRange: return nack(Response::Nack::CODE_OUT_OF_RANGE, result);
    case AppendResult::Code::kForbidden: return nack(Response::Nack::CODE_FORBIDDEN, result);
    case AppendResult::Code::kUnavailable: return nack(Response::Nack::CODE_RESOURCE_EXHAUSTED, result);
  }
}

// Answers to what came behind the refused batch would only confuse, so a Nack is the last word of a stream.
void PublishCall::nack(Response::Nack::Code code, const AppendResult& result) {
  ++service_.counters().nacks;
  phase_ = Phase::kRefused;
  Response::Nack& message = *responses_.emplace_back().mutable_nack();
  message.set_code(code);
  message.set_retry_after_ms(result.retry_after_ms);
  message.set_committed_seq(result.code == AppendResult::Code::kOutOfRange ? result.committed_seq : committed_);
  message.set_message(result.message);
  write_on();
}

void PublishCall::write_on() {
  if (writing_ || finished_) return;
  if (responses_.empty()) {
    finish_if_answered();
    return;
  }
  writing_ = true;
  response_ = std::move(responses_.front());
  responses_.pop_front();
  StartWrite(&response_);
}

void PublishCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) return finish({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
  write_on();
}

void PublishCall::finish_if_answered() {
  if (finished_ || writing_ || !responses_.empty()) return;
  if (phase_ == Phase::kRefused || (requests_ended_ && pending_ == 0)) finish(grpc::Status::OK);
}

void PublishCall::finish(grpc::Status status) {
  if (std::exchange(finished_, true)) return;
  Finish(std::move(status));
}

void PublishCall::supersede() {
  const std::lock_guard lock(mutex_);
  finish({grpc::StatusCode::ABORTED, "a newer stream of this producer took over"});
}

void PublishCall::drain() {
  const std::lock_guard lock(mutex_);
  requests_ended_ = true;
  finish_if_answered();
}

void PublishCall::OnCancel() {
  const std::lock_guard lock(mutex_);
  finish({grpc::StatusCode::CANCELLED, "cancelled"});
}

void PublishCall::OnDone() {
  if (hello_seen_) service_.forget(producer_.id, this);
  --service_.counters().streams_open;
  const std::shared_ptr<PublishCall> self = std::move(self_);  // may be the last
}

}  // namespace sluice::ingest
