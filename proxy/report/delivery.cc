#include "proxy/report/delivery.h"

#include <algorithm>
#include <utility>

#include "proxy/base/crc32c.h"

namespace sluice::report {

using events::v1::PublishRequest;
using events::v1::PublishResponse;
using std::chrono::milliseconds;

Delivery::Delivery(Spool& spool, const std::string& observed_by, ShipperMetrics& metrics, std::mt19937_64& random)
    : spool_(spool), observed_by_(observed_by), metrics_(metrics), random_(random), reader_(spool, observed_by) {}

std::optional<uint64_t> Delivery::stream_id() const {
  return stream_ ? std::optional(stream_->id()) : std::nullopt;
}

SteadyTime Delivery::deadline() const {
  if (phase_ == Phase::kWaiting) return spool_.drained() ? SteadyTime::max() : retry_at_;
  return answer_by_;
}

void Delivery::cancel() {
  if (!stream_) return;
  phase_ = Phase::kEnding;
  stream_->cancel();
}

void Delivery::reconnect(SteadyTime now) {
  retry_at_ = now;
  if (!stream_ || phase_ == Phase::kEnding) return;
  end_stream(now);
  stream_->cancel();
}

void Delivery::on_event(StreamEvent& event, SteadyTime now) {
  switch (event.kind) {
    case StreamEvent::Kind::kWritten: stream_->written(); return;
    case StreamEvent::Kind::kResponse: on_response(event.response, now); return;
    case StreamEvent::Kind::kReadEnded:
      if (phase_ != Phase::kEnding) end_stream(now + next_backoff());
      stream_->end();
      return;
    case StreamEvent::Kind::kDone:
      stream_.reset();
      phase_ = Phase::kWaiting;
      return;
  }
}

void Delivery::step(SteadyTime now, bool may_connect, const OpenStream& open_stream) {
  switch (phase_) {
    case Phase::kWaiting:
      if (now < retry_at_ || spool_.drained()) return;
      if (may_connect) {
        connect(now, open_stream);
      } else {
        retry_at_ = now + backoff_min;  // look again
      }
      return;
    case Phase::kGreeting:
    case Phase::kEnding:
      if (now >= answer_by_) cancel_unanswered(now);
      return;
    case Phase::kShipping:
      if (now >= answer_by_) {
        cancel_unanswered(now);
        return;
      }
      while (stream_->can_write() && send_next(now)) {
      }
      if (spool_.drained() && stream_->can_write()) {
        phase_ = Phase::kEnding;
        answer_by_ = now + connect_timeout;
        stream_->finish_writing();
      }
      return;
  }
}

void Delivery::connect(SteadyTime now, const OpenStream& open_stream) {
  stream_ = open_stream();
  phase_ = Phase::kGreeting;
  answer_by_ = now + connect_timeout;
  PublishRequest request;
  PublishRequest::Hello& hello = *request.mutable_hello();
  hello.set_producer_id(spool_.producer_id());
  hello.set_next_seq(spool_.first_held_seq());
  hello.add_codecs(static_cast<uint32_t>(Codec::kNone));
  hello.add_codecs(static_cast<uint32_t>(Codec::kZstd));
  hello.set_observed_by(observed_by_);
  hello.set_schema_version(1);
  stream_->write(std::move(request));
}

void Delivery::cancel_unanswered(SteadyTime now) {
  if (phase_ != Phase::kEnding) end_stream(now + next_backoff());
  answer_by_ = SteadyTime::max();
  stream_->cancel();
}

void Delivery::on_response(const PublishResponse& response, SteadyTime now) {
  switch (response.response_case()) {
    case PublishResponse::kWelcome:
      if (phase_ == Phase::kGreeting) on_welcome(response.welcome(), now);
      return;
    case PublishResponse::kAck:
      // Also while ending: what the store has need not be sent again.
      if (phase_ != Phase::kGreeting) on_ack(response.ack().committed_seq(), now);
      return;
    case PublishResponse::kNack:
      if (phase_ != Phase::kEnding) on_nack(response.nack(), now);
      return;
    case PublishResponse::RESPONSE_NOT_SET: return;  // a newer store's word that we do not know
  }
}

void Delivery::on_welcome(const PublishResponse::Welcome& welcome, SteadyTime now) {
  phase_ = Phase::kShipping;
  answer_by_ = SteadyTime::max();
  window_bytes_ =
      welcome.window_bytes() == 0 ? window_bytes_default : std::min<uint64_t>(welcome.window_bytes(), window_bytes_max);
  batch_bytes_ = welcome.batch_bytes_max() == 0 ? batch_bytes_target
                                                : std::min<size_t>(welcome.batch_bytes_max(), batch_bytes_target);
  // Room for an entry around the largest record.
  batch_bytes_ -= std::min(batch_bytes_ / 2, record_bytes_max);
  reader_.seek(welcome.committed_seq() + 1);
  on_ack(welcome.committed_seq(), now);
  if (spool_.all_committed()) failures_ = 0;
}

void Delivery::on_ack(uint64_t committed_seq, SteadyTime now) {
  if (committed_seq > spool_.committed_seq()) {
    failures_ = 0;
    metrics_.records_acked += std::min(committed_seq, spool_.written_seq()) - spool_.committed_seq();
  }
  // A store that claims more than there is (a spool restored from a backup) cannot make us wait for what it has.
  spool_.commit(std::min(committed_seq, spool_.written_seq()));
  while (!in_flight_.empty() && in_flight_.front().last_seq <= committed_seq) {
    in_flight_bytes_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
  }
  if (suspect_last_seq_ != 0 && committed_seq >= suspect_last_seq_) {
    suspect_last_seq_ = 0;
    batch_records_ = batch_records_target;
  }
  if (phase_ == Phase::kShipping) answer_by_ = in_flight_.empty() ? SteadyTime::max() : now + ack_timeout;
}

// Every Nack ends the stream: the next Welcome says where to go on, and answers to batches that were in flight behind
// the refused one cannot be mistaken for answers to what is sent again.
void Delivery::on_nack(const PublishResponse::Nack& nack, SteadyTime now) {
  ++metrics_.nacks;
  const milliseconds asked{nack.retry_after_ms()};
  milliseconds delay{0};
  switch (nack.code()) {
    case PublishResponse::Nack::CODE_OUT_OF_RANGE:
      // Once is a rewind; again without progress is a store that cannot make up its mind.
      delay = failures_ == 0 ? milliseconds{0} : next_backoff();
      ++failures_;
      break;
    case PublishResponse::Nack::CODE_CORRUPT:
      on_corrupt(nack.committed_seq());
      delay = backoff_min;
      break;
    case PublishResponse::Nack::CODE_FORBIDDEN:
      // Only an administrator can help: ask seldom.
      delay = backoff_max;
      break;
    case PublishResponse::Nack::CODE_RESOURCE_EXHAUSTED:
    case PublishResponse::Nack::CODE_BUSY:
    default: delay = std::max(std::min(asked, backoff_max), next_backoff()); break;
  }
  end_stream(now + delay);
  stream_->cancel();
}

void Delivery::on_corrupt(uint64_t committed_seq) {
  if (committed_seq != corrupt_after_seq_ || corrupt_answers_ == 0) {
    corrupt_after_seq_ = committed_seq;
    corrupt_answers_ = 1;
    return;
  }
  ++corrupt_answers_;
  const uint64_t last = in_flight_.empty() ? committed_seq + 1 : in_flight_.front().last_seq;
  const auto records = static_cast<uint32_t>(std::min<uint64_t>(last - committed_seq, batch_records_target));
  suspect_last_seq_ = std::max(suspect_last_seq_, last);
  give_up_first_ = records <= 1;
  batch_records_ = std::max<uint32_t>(records / 2, 1);
}

bool Delivery::send_next(SteadyTime now) {
  if (in_flight_bytes_ >= window_bytes_ || (suspect_last_seq_ != 0 && !in_flight_.empty())) return false;
  if (std::exchange(give_up_first_, false) && reader_.next_seq() == corrupt_after_seq_ + 1) {
    reader_.give_up_one(batch_);
  } else if (!reader_.read(batch_records_, batch_bytes_, batch_)) {
    return false;
  }
  const bool packed = pack_payload(batch_.payload, packed_);
  const std::vector<uint8_t>& payload = packed ? packed_ : batch_.payload;
  PublishRequest request;
  PublishRequest::Batch& batch = *request.mutable_batch();
  batch.set_first_seq(batch_.first_seq);
  batch.set_count(batch_.count);
  batch.set_codec(static_cast<uint32_t>(packed ? Codec::kZstd : Codec::kNone));
  batch.set_crc32c(base::crc32c(payload));
  batch.set_payload(payload.data(), payload.size());
  stream_->write(std::move(request));
  in_flight_.push_back({batch_.last_seq(), payload.size()});
  in_flight_bytes_ += payload.size();
  if (answer_by_ == SteadyTime::max()) answer_by_ = now + ack_timeout;
  ++metrics_.batches_shipped;
  metrics_.records_shipped += batch_.count;
  metrics_.bytes_shipped += payload.size();
  metrics_.records_missing += batch_.lost;
  return true;
}

void Delivery::end_stream(SteadyTime retry_at) {
  phase_ = Phase::kEnding;
  retry_at_ = retry_at;
  answer_by_ = SteadyTime::max();
  in_flight_.clear();
  in_flight_bytes_ = 0;
  ++metrics_.reconnects;
}

// Jittered over the whole range, so that a store that comes back is not met by everybody at once.
milliseconds Delivery::next_backoff() {
  const uint32_t doublings = std::min<uint32_t>(failures_++, 16) + 1;
  const milliseconds most = std::min(backoff_max, backoff_min * (1 << doublings));
  std::uniform_int_distribution<int64_t> spread(backoff_min.count(), most.count());
  return milliseconds(spread(random_));
}

}  // namespace sluice::report
