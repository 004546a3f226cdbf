// Multiplexing: the leg to the origin.
#include <algorithm>

#include "proxy/flow/handshaking.h"
#include "proxy/flow/limits.h"
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/origin_trust.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

using http::Http2Code;
using http::Http2Session;

namespace {

// Of a request whose origin went without an answer: by itself, or because what it said breaks HTTP/2.
Refused lost(CloseReason reason) {
  constexpr int bad_gateway = 502;
  if (reason == CloseReason::kMessageRejected) return {reason, bad_gateway, "The origin breaks the rules of HTTP/2."};
  return {reason, 0, "The origin closed the connection without an answer."};
}

}  // namespace

void Multiplexing::reach_origin(MuxStream& stream, const StageContext& context) {
  waiting_.push_back(stream.id);
  switch (leg_) {
    case OriginLeg::kNone: return open_leg(context);
    case OriginLeg::kDialing:
    case OriginLeg::kSecuring: return;
    case OriginLeg::kOpen: return send_waiting(context);
  }
}

// In the order in which they came, as many as the origin takes at once.
void Multiplexing::send_waiting(const StageContext& context) {
  while (leg_ == OriginLeg::kOpen && !waiting_.empty()) {
    MuxStream* stream = find(waiting_.front());
    if (stream == nullptr) {  // gone meanwhile
      waiting_.pop_front();
      continue;
    }
    if (leg_leaving_) {
      if (by_origin_.empty()) {
        hang_up(context);
        return open_leg(context);
      }
      // It came before the client could hear that nothing new is taken here.
      waiting_.pop_front();
      give_up(*stream, Http2Code::kRefusedStream, CloseReason::kOriginClosed, context);
      continue;
    }
    if (!origin_->may_open_stream()) return;
    if (stream->request.websocket && !leg_heard_) return;  // whether it takes them
    waiting_.pop_front();
    if (stream->request.websocket && !origin_->takes_websockets()) {
      constexpr int bad_gateway = 502;
      refuse(*stream, {CloseReason::kMessageRejected, bad_gateway, "The origin takes no WebSockets over HTTP/2."},
             context);
      continue;
    }
    send_request(*stream, context);
  }
}

void Multiplexing::send_request(MuxStream& stream, const StageContext& context) {
  const StageContext one = of(stream, context);
  if (std::exchange(stream.undecided, false)) {
    OwnAnswer page;
    if (judge(one, stream.request, page) != Judgement::kPasses) {
      return answer(stream, CloseReason::kPolicyBlock, page, context);
    }
  }
  one.write_record(Record::State::kOpen);  // before the first byte leaves for this exchange
  stream.noted_at = context.now;
  stream.left = true;
  const bool ends = stream.request_ended && stream.held.empty() && stream.held_trailers.empty();
  stream.origin_id = origin_->send_request(stream.request, ends);
  if (stream.origin_id == 0) {  // its numbers are used up
    leg_leaving_ = true;
    return refuse(stream, {CloseReason::kOriginClosed, 0, "The origin's connection takes no more requests."}, context);
  }
  by_origin_[stream.origin_id] = &stream;
  if (!stream.held.empty()) origin_->send_data(stream.origin_id, std::move(stream.held));
  if (stream.request_ended && !ends) origin_->send_end(stream.origin_id, stream.held_trailers);
}

// ---- the connection

void Multiplexing::open_leg(const StageContext& context) {
  leg_ = OriginLeg::kDialing;
  context.out.emplace_back(Dial{*terms_.bound, nullptr});
}

void Multiplexing::on(DialDone&& input, const StageContext& context) {
  if (input.address.port != 0) {
    origin_address_ = input.address;
    for (MuxStream* stream : order_) {
      if (stream->left) continue;
      stream->record->destination = input.address;
      stream->record->dialled = true;
    }
  }
  if (input.failure != CloseReason::kUnspecified) {
    leg_ = OriginLeg::kNone;
    refuse_waiting({input.failure, 0, input.detail}, context);
  } else {
    leg_ = OriginLeg::kSecuring;
    secured_by_ = context.now + handshakes_max;
    context.out.emplace_back(SecureOrigin{terms_.bound->host, origin_address_, {std::string(alpn_h2)}});
  }
  work(context);
}

void Multiplexing::on(OriginSecured&& input, const StageContext& context) {
  if (leg_ != OriginLeg::kSecuring) return;  // nobody asked
  const auto insecure = [&](CloseReason reason, std::string detail) {
    hang_up(context);
    refuse_waiting({reason, 0, std::move(detail)}, context);
    work(context);
  };
  if (input.handshake.failed || input.wants_certificate) {
    return insecure(CloseReason::kTlsOrigin, "The TLS handshake with the origin failed.");
  }
  if (input.handshake.alpn != alpn_h2) {
    return insecure(CloseReason::kTlsOrigin, "The origin does not speak HTTP/2 any more.");
  }
  TlsFacts facts = *context.record.tls;
  const OriginTrust trust = judge_origin(context, input, facts);
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts));
  for (MuxStream* stream : order_) stream->record->tls = context.record.tls;
  const bool accepted = trust == OriginTrust::kTrusted ||
                        (trust == OriginTrust::kMirrored && terms_.accepted_chain == input.verdict.chain);
  if (!accepted) return insecure(CloseReason::kCertificateError, "The origin's certificate is wrong.");
  leg_ = OriginLeg::kOpen;
  leg_used_ = leg_leaving_ = leg_heard_ = false;
  leg_idle_since_ = context.now;
  begin_origin(context);
  work(context);
}

void Multiplexing::refuse_waiting(const Refused& refused, const StageContext& context) {
  for (const http::StreamId id : std::exchange(waiting_, {})) {
    if (MuxStream* stream = find(id)) refuse(*stream, refused, context);
  }
}

// Its connection has ended, and with it what it had not finished.
void Multiplexing::origin_gone(CloseReason reason, const StageContext& context) {
  if (leg_ == OriginLeg::kSecuring) {
    hang_up(context);
    return refuse_waiting({CloseReason::kTlsOrigin, 0, "The TLS handshake with the origin failed."}, context);
  }
  if (leg_ != OriginLeg::kOpen) return;
  std::vector<MuxStream*> cut;
  for (const auto& [id, stream] : by_origin_) cut.push_back(stream);
  std::sort(cut.begin(), cut.end(), [](const MuxStream* a, const MuxStream* b) { return a->id < b->id; });
  by_origin_.clear();
  hang_up(context);
  for (MuxStream* stream : cut) {
    stream->origin_id = 0;
    if (stream->response_ended) {
      client_->discard(stream->id);
    } else if (stream->response_begun) {
      give_up(*stream, Http2Code::kInternalError, reason, context);
    } else if (!try_again(*stream, context)) {
      refuse(*stream, lost(reason), context);
    }
  }
  if (!waiting_.empty() && leg_ == OriginLeg::kNone) open_leg(context);
}

// The origin closed its idle connection just when the request came, or never looked at it. A request with content is
// the client's to repeat.
bool Multiplexing::try_again(MuxStream& stream, const StageContext& context) {
  if (stream.tried_again || !may_repeat(stream.request)) return false;
  const bool stays = leg_ == OriginLeg::kOpen && !leg_leaving_;  // it had no room just then
  if (!stays && (!leg_used_ || !by_origin_.empty())) return false;
  stream.tried_again = true;
  stream.left = false;
  touch(stream, context.now);
  if (!stays) hang_up(context);
  waiting_.push_back(stream.id);
  if (leg_ == OriginLeg::kNone) open_leg(context);
  return true;
}

void Multiplexing::hang_up(const StageContext& context) {
  if (leg_ != OriginLeg::kNone) context.out.emplace_back(HangUp{});
  leg_ = OriginLeg::kNone;
  origin_.reset();
}

}  // namespace sluice::flow
