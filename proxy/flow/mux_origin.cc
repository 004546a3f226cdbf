// Multiplexing: the leg to the origin.
#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/flow/handshaking.h"
#include "proxy/flow/limits.h"
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/origin_trust.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/http/http1_client.h"
#include "proxy/tls/digest.h"

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

// HTTP/2 needs none (RFC 8441 section 5).
void give_websocket_key(http::Request& request, const FlowRecord& record) {
  constexpr std::string_view name = "sec-websocket-key";
  std::erase_if(request.fields, [&](const http::Field& field) { return base::equal_ignore_case(field.name, name); });
  request.fields.push_back({std::string(name), tls::websocket_key(record.producer_id, record.event_counter)});
}

}  // namespace

void Multiplexing::reach_origin(MuxStream& stream, const StageContext& context) {
  waiting_.push_back(stream.id);
  send_waiting(context);
}

// In the order in which they came, as many as the origin takes at once.
void Multiplexing::send_waiting(const StageContext& context) {
  while (!waiting_.empty()) {
    MuxStream* stream = find(waiting_.front());
    if (stream == nullptr) {  // gone meanwhile
      waiting_.pop_front();
      continue;
    }
    MuxLeg* leg = leg_with_room(context);
    if (leg == nullptr) return;
    const bool websocket = stream->request.websocket;
    if (websocket && !leg->heard) return;  // whether it takes them
    waiting_.pop_front();
    if (leg->leaving) {  // it came before the client could hear that nothing new is taken here
      give_up(*stream, Http2Code::kRefusedStream, CloseReason::kOriginClosed, context);
    } else if (websocket && !leg->session->takes_websockets()) {
      constexpr int bad_gateway = 502;
      refuse(*stream, {CloseReason::kMessageRejected, bad_gateway, "The origin takes no WebSockets over HTTP/2."},
             context);
    } else {
      send_request(*stream, *leg, context);
    }
  }
}

// One that takes a request now; else the only one there is, if it is leaving; null: what waits goes on waiting, for
// legs that are opened here as far as they may be.
MuxLeg* Multiplexing::leg_with_room(const StageContext& context) {
  MuxLeg* leaving = nullptr;
  size_t open = 0;
  size_t opening = 0;
  for (const auto& leg : legs_) {
    if (leg->opening()) ++opening;
    if (leg->state != MuxLeg::State::kOpen) continue;
    if (leg->leaving) {
      if (leg->streams.empty()) {
        hang_up(*leg, context);
      } else {
        leaving = leg.get();
      }
      continue;
    }
    if (leg->session->may_open_stream()) return leg.get();
    ++open;
  }
  if (leaving != nullptr && open + opening == 0) return leaving;
  for (; open + opening < legs_max_ && opening < waiting_.size(); ++opening) open_leg(unused_leg(), context);
  return nullptr;
}

void Multiplexing::send_request(MuxStream& stream, MuxLeg& leg, const StageContext& context) {
  const StageContext one = of(stream, context);
  one.record.destination = leg.address;
  one.record.dialled = leg.address.port != 0;
  if (std::exchange(stream.undecided, false)) {
    OwnAnswer page;
    if (judge(one, stream.request, page) != Judgement::kPasses) {
      return answer(stream, CloseReason::kPolicyBlock, page, context);
    }
  }
  one.write_record(Record::State::kOpen);  // before the first byte leaves for this exchange
  stream.noted_at = context.now;
  stream.left = true;
  if (stream.request.websocket && client_http2_ && !leg.http2) give_websocket_key(stream.request, one.record);
  const bool ends = stream.request_ended && stream.held.empty() && stream.held_trailers.empty();
  stream.origin_id = leg.session->send_request(stream.request, ends);
  if (stream.origin_id == 0) {  // its numbers are used up
    leg.leaving = true;
    return refuse(stream, {CloseReason::kOriginClosed, 0, "The origin's connection takes no more requests."}, context);
  }
  stream.leg = &leg;
  leg.streams[stream.origin_id] = &stream;
  if (!stream.held.empty()) leg.session->send_data(stream.origin_id, std::move(stream.held));
  if (stream.request_ended && !ends) leg.session->send_end(stream.origin_id, stream.held_trailers);
}

// ---- the connections

MuxLeg& Multiplexing::unused_leg() {
  for (const auto& leg : legs_) {
    if (leg->state == MuxLeg::State::kNone) return *leg;
  }
  return *legs_.emplace_back(std::make_unique<MuxLeg>(static_cast<LegIndex>(legs_.size())));
}

void Multiplexing::open_leg(MuxLeg& leg, const StageContext& context) {
  leg.state = MuxLeg::State::kDialing;
  context.out.emplace_back(Dial{*terms_.bound, nullptr, leg.index});
}

void Multiplexing::on(DialDone&& input, const StageContext& context) {
  MuxLeg& leg = *legs_[input.leg];
  if (leg.state != MuxLeg::State::kDialing) return;  // nobody asked
  if (input.address.port != 0) {
    origin_address_ = leg.address = input.address;
    for (MuxStream* stream : order_) {
      if (stream->left) continue;
      stream->record->destination = input.address;
      stream->record->dialled = true;
    }
  }
  if (input.failure != CloseReason::kUnspecified) {
    leg.state = MuxLeg::State::kNone;
    leg_failed(leg, {input.failure, 0, input.detail}, context);
  } else {
    leg.state = MuxLeg::State::kSecuring;
    leg.secured_by = context.now + handshakes_max;
    context.out.emplace_back(
        SecureOrigin{terms_.bound->host, leg.address, {std::string(alpn_h2), std::string(alpn_http1)}, leg.index});
  }
  work(context);
}

void Multiplexing::on(OriginSecured&& input, const StageContext& context) {
  MuxLeg& leg = *legs_[input.leg];
  if (leg.state != MuxLeg::State::kSecuring) return;  // nobody asked
  if (input.handshake.failed || input.wants_certificate) {
    leg_failed(leg, {CloseReason::kTlsOrigin, 0, "The TLS handshake with the origin failed."}, context);
    return work(context);
  }
  TlsFacts facts = *context.record.tls;
  const OriginTrust trust = judge_origin(context, input, facts);
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts));
  for (MuxStream* stream : order_) stream->record->tls = context.record.tls;
  const bool accepted = trust == OriginTrust::kTrusted ||
                        (trust == OriginTrust::kMirrored && terms_.accepted_chain == input.verdict.chain);
  if (accepted) {
    leg.state = MuxLeg::State::kOpen;
    leg.http2 = input.handshake.alpn == alpn_h2;
    begin_leg(leg, context);
  } else {
    leg_failed(leg, {CloseReason::kCertificateError, 0, "The origin's certificate is wrong."}, context);
  }
  work(context);
}

void Multiplexing::begin_leg(MuxLeg& leg, const StageContext& context) {
  leg.outlet = {};
  leg.used = leg.leaving = leg.held = false;
  leg.heard = !leg.http2;
  leg.idle_since = context.now;
  if (leg.http2) {
    legs_max_ = 1;
    leg.session =
        std::make_unique<Http2Session>(Http2Session::Options{.role = Http2Session::Role::kClient}, context.now);
  } else {
    if (live_legs() == 1) legs_max_ = mux_legs_max;
    leg.session = std::make_unique<http::Http1Client>(http::Scheme::kHttps);
    client_->offer_websockets();
  }
}

// WebSockets are offered where the origin takes them.
void Multiplexing::hear_leg(MuxLeg& leg, base::ByteView bytes, const StageContext& context) {
  if (leg.session == nullptr) return;
  leg.heard = true;
  leg.session->receive(bytes, context.now);
  if (leg.session->takes_websockets()) client_->offer_websockets();
}

size_t Multiplexing::live_legs() const {
  return static_cast<size_t>(
      std::count_if(legs_.begin(), legs_.end(), [](const auto& leg) { return leg->state != MuxLeg::State::kNone; }));
}

// It could not be opened. The others go on with what waits; without one there is nobody to ask.
void Multiplexing::leg_failed(MuxLeg& leg, const Refused& refused, const StageContext& context) {
  hang_up(leg, context);
  legs_max_ = std::max<size_t>(live_legs(), 1);
  if (live_legs() > 0) return;
  for (const http::StreamId id : std::exchange(waiting_, {})) {
    if (MuxStream* stream = find(id)) refuse(*stream, refused, context);
  }
}

// Its connection has ended, and with it what it had not finished.
void Multiplexing::leg_gone(MuxLeg& leg, CloseReason reason, const StageContext& context) {
  if (leg.state == MuxLeg::State::kSecuring) {
    return leg_failed(leg, {CloseReason::kTlsOrigin, 0, "The TLS handshake with the origin failed."}, context);
  }
  if (leg.state != MuxLeg::State::kOpen) return;
  std::vector<MuxStream*> cut;
  for (const auto& [id, stream] : leg.streams) cut.push_back(stream);
  std::sort(cut.begin(), cut.end(), [](const MuxStream* a, const MuxStream* b) { return a->id < b->id; });
  for (MuxStream* stream : cut) detach(*stream, context.now);
  hang_up(leg, context);
  for (MuxStream* stream : cut) {
    if (stream->response_ended) {
      client_->discard(stream->id);
    } else if (stream->response_begun) {
      give_up(*stream, Http2Code::kInternalError, reason, context);
    } else if (!try_again(*stream, leg, context)) {
      refuse(*stream, lost(reason), context);
    }
  }
}

// The origin closed its idle connection just when the request came, or never looked at it. A request with content is
// the client's to repeat.
bool Multiplexing::try_again(MuxStream& stream, MuxLeg& leg, const StageContext& context) {
  if (stream.tried_again || !may_repeat(stream.request)) return false;
  const bool stays = leg.state == MuxLeg::State::kOpen && !leg.leaving;  // it had no room just then
  if (!stays && (!leg.used || !leg.streams.empty())) return false;
  stream.tried_again = true;
  stream.left = false;
  touch(stream, context.now);
  if (!stays) hang_up(leg, context);
  waiting_.push_back(stream.id);
  return true;
}

void Multiplexing::hang_up(MuxLeg& leg, const StageContext& context) {
  if (leg.state != MuxLeg::State::kNone) context.out.emplace_back(HangUp{leg.index});
  leg.state = MuxLeg::State::kNone;
  leg.session.reset();
}

}  // namespace sluice::flow
