// Multiplexing: its streams as exchanges with records.
#include <algorithm>

#include "proxy/flow/limits.h"
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

using http::Http2Code;
using http::StreamId;

// The first exchange has the flow's own record, which from then on is nobody's.
MuxStream& Multiplexing::add(StreamId id, const StageContext& context) {
  auto owned = std::make_unique<MuxStream>();
  MuxStream& stream = *owned;
  stream.id = id;
  stream.record = std::make_shared<FlowRecord>(context.record);
  stream.record->earlier_client_bytes = stream.record->earlier_server_bytes = 0;
  if (exchanges_++ > 0) renew_record(*stream.record, context.next_event_counter(), context.now);
  if (std::any_of(legs_.begin(), legs_.end(), [](const auto& leg) { return leg->state == MuxLeg::State::kOpen; })) {
    stream.record->destination = origin_address_;
    stream.record->dialled = origin_address_.port != 0;
  }
  stream.moved_at = stream.noted_at = context.now;
  stream.place = order_.insert(order_.end(), &stream);
  streams_[id] = std::move(owned);
  return stream;
}

MuxStream* Multiplexing::find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

MuxStream* Multiplexing::find(const MuxLeg& leg, StreamId id) {
  const auto found = leg.streams.find(id);
  return found == leg.streams.end() ? nullptr : found->second;
}

StageContext Multiplexing::of(const MuxStream& stream, const StageContext& context) const {
  return {context.flow, context.settings, *stream.record, context.now, context.out, context.draining, stream.record};
}

void Multiplexing::touch(MuxStream& stream, base::Time now) {
  stream.moved_at = now;
  order_.splice(order_.end(), order_, stream.place);
}

// Over for both sides at once.
void Multiplexing::give_up(MuxStream& stream, Http2Code code, CloseReason reason, const StageContext& context) {
  client_->reset(stream.id, code);
  end(stream, reason, Stage::kRelaying, context);
}

// The final record; what the origin still has to do with it is called off.
void Multiplexing::end(MuxStream& stream, CloseReason reason, Stage stage, const StageContext& context) {
  const StageContext one = of(stream, context);
  if (one.record.action == Verdict::kUnspecified) one.record.action = Verdict::kAllow;
  one.record.close_reason = reason;
  one.record.error_stage = stage;
  one.write_record(Record::State::kClosed);
  drop_origin_stream(stream, Http2Code::kCancel, context.now);
  forget(stream, context);
}

void Multiplexing::end_all(CloseReason reason, const StageContext& context) {
  while (!order_.empty()) end(*order_.front(), reason, Stage::kRelaying, context);
}

void Multiplexing::drop_origin_stream(MuxStream& stream, Http2Code code, base::Time now) {
  if (stream.leg == nullptr) return;
  stream.leg->session->reset(stream.origin_id, code);
  detach(stream, now);
}

// Its leg has nothing more to do with it.
void Multiplexing::detach(MuxStream& stream, base::Time now) {
  stream.leg->streams.erase(stream.origin_id);
  stream.leg->idle_since = now;
  stream.leg = nullptr;
  stream.origin_id = 0;
}

// The record has been written; its bytes are the flow's.
void Multiplexing::forget(MuxStream& stream, const StageContext& context) {
  context.record.earlier_client_bytes += stream.record->client_bytes;
  context.record.earlier_server_bytes += stream.record->server_bytes;
  order_.erase(stream.place);
  streams_.erase(stream.id);
  if (!streams_.empty()) return;
  moved_at_ = context.now;
  waiting_.clear();
}

}  // namespace sluice::flow
