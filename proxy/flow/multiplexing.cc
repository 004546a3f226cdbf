// Multiplexing: the connection as a whole.
#include "proxy/flow/multiplexing.h"

#include <algorithm>
#include <utility>

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/http/http1_server.h"

namespace sluice::flow {

using http::Http2Code;
using http::Http2Session;

namespace {
// RFC 9113 section 3.4.
constexpr std::string_view client_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// As much as the driver shall have of it; true when there was something.
template <class Session>
bool send_output(Session& session, Outlet& outlet, Side side, LegIndex leg, const StageContext& context) {
  bool any = false;
  while (outlet.taken < outlet_bytes_max) {
    base::Chunk bytes = session.take_output(outlet_bytes_max - outlet.taken);
    if (bytes.empty()) break;
    outlet.taken += bytes.size();
    context.out.emplace_back(Send{side, std::move(bytes), leg});
    any = true;
  }
  if (outlet.taken >= outlet_bytes_max && !outlet.waiting) {
    outlet.waiting = true;
    context.out.emplace_back(TellWhenSent{side, leg});
  }
  return any;
}
}  // namespace

void Multiplexing::start(const StageContext& context) {
  timeouts_ = context.settings.timeouts;
  total_by_ = timeouts_.total_end(context.record.started);
  moved_at_ = context.now;
  update_at_ = context.now + update_every;
  origin_address_ = context.record.destination;
  legs_max_ = terms_.origin_http2 ? 1 : mux_legs_max;
  legs_.reserve(mux_legs_max);
  MuxLeg& first = unused_leg();
  first.state = MuxLeg::State::kOpen;
  first.http2 = terms_.origin_http2;
  first.address = origin_address_;
  first.idle_since = context.now;
  context.go(std::move(*this));
}

// ---- inputs

void Multiplexing::on(Received&& input, const StageContext& context) {
  if (client_ == nullptr) {
    (input.side == Side::kClient ? first_words_ : origin_first_).append(input.bytes.view());
    return begin(context);
  }
  if (input.side == Side::kClient) {
    client_->receive(input.bytes.view(), context.now);
  } else {
    hear_leg(*legs_[input.leg], input.bytes.view(), context);
  }
  work(context);
}

// A client of HTTP/2 speaks first, and always the same words.
policy::Protocol Multiplexing::first_protocol() const {
  if (!client_http2_) return protocol_of(first_words_.view());
  const std::string_view said = first_words_.text().substr(0, client_preface.size());
  if (!client_preface.starts_with(said)) return policy::Protocol::kOther;
  return said.size() < client_preface.size() ? policy::Protocol::kNotYet : policy::Protocol::kHttp;
}

void Multiplexing::begin(const StageContext& context) {
  const policy::Protocol protocol = first_protocol();
  const bool waits = protocol == policy::Protocol::kNotYet && origin_first_.size() < origin_first_bytes_max;
  if (waits) return;
  if (protocol != policy::Protocol::kHttp) return unknown_inside(context);
  if (client_http2_) {
    client_ = std::make_unique<Http2Session>(
        Http2Session::Options{.role = Http2Session::Role::kServer, .streams_max = mux_streams_max, .websockets = false},
        context.now);
  } else {
    client_ = std::make_unique<http::Http1Server>(http::Scheme::kHttps);
  }
  if (context.draining) tell_drain(context);
  MuxLeg& first = *legs_.front();
  if (first.state == MuxLeg::State::kOpen) {
    begin_leg(first, context);
    if (!origin_first_.empty()) hear_leg(first, std::exchange(origin_first_, {}).view(), context);
  }
  client_->receive(first_words_.view(), context.now);
  first_words_.release();
  work(context);
}

void Multiplexing::unknown_inside(const StageContext& context) {
  if (legs_.front()->state != MuxLeg::State::kOpen) return leave(CloseReason::kOriginClosed, Stage::kRelaying, context);
  over_ = true;
  Relaying(std::move(terms_)).start_unknown(std::move(first_words_), std::move(origin_first_), context);
}

void Multiplexing::on(ReadEnded&& input, const StageContext& context) {
  if (input.side == Side::kOrigin) {
    MuxLeg& leg = *legs_[input.leg];
    if (leg.session != nullptr) {
      leg.session->receive_end(input.cut);
    } else {
      leg_gone(leg, CloseReason::kOriginClosed, context);
    }
    return work(context);
  }
  if (client_ != nullptr && client_->receive_end()) return work(context);  // what it asked for is still answered
  end_all(CloseReason::kClientClosed, context);
  leave(CloseReason::kClientClosed, Stage::kUnspecified, context);
}

void Multiplexing::on(Reset&& input, const StageContext& context) {
  if (input.side == Side::kOrigin) {
    leg_gone(*legs_[input.leg], CloseReason::kOriginReset, context);
    return work(context);
  }
  const Stage stage = streams_.empty() ? Stage::kUnspecified : Stage::kRelaying;
  abort_origin(context);
  end_all(CloseReason::kClientReset, context);
  leave(CloseReason::kClientReset, stage, context);
}

void Multiplexing::on(Sent&& input, const StageContext& context) {
  (input.side == Side::kClient ? outlet_ : legs_[input.leg]->outlet) = {};
  work(context);
}

void Multiplexing::on(Shutdown&& input, const StageContext& context) {
  cut_off(input.reason, context);
}

void Multiplexing::on(Draining&&, const StageContext& context) {
  if (client_ == nullptr) return;  // told when it begins
  tell_drain(context);
  work(context);
}

// What is asked from now on is judged by the new policy anyway.
void Multiplexing::on(PolicyChanged&&, const StageContext& context) {
  if (client_ == nullptr) return;
  // What shall not be looked into any more comes back on a connection of its own.
  const bool exempt = ask_policy(context, Known::kSpoken, policy::Protocol::kTls).decision == policy::Decision::kSplice;
  if (exempt) {
    if (streams_.empty()) return leave(CloseReason::kPolicyChanged, Stage::kUnspecified, context);
    tell_drain(context);
  }
  std::vector<MuxStream*> blocked;
  for (MuxStream* stream : order_) {
    if (stream->left && is_blocked_now(of(*stream, context), stream->request)) blocked.push_back(stream);
  }
  for (MuxStream* stream : blocked) give_up(*stream, Http2Code::kCancel, CloseReason::kPolicyChanged, context);
  work(context);
}

// ---- time

std::optional<base::Time> Multiplexing::deadline() const {
  base::Time next =
      order_.empty() ? moved_at_ + timeouts_.idle : std::min(order_.front()->moved_at + timeouts_.idle, update_at_);
  for (const auto& leg : legs_) {
    if (leg->state == MuxLeg::State::kSecuring) next = std::min(next, leg->secured_by);
    if (leg->rests()) next = std::min(next, leg->idle_since + origin_idle_max);
  }
  if (drain_at_) next = std::min(next, *drain_at_);
  if (const auto since = unfinished_since()) next = std::min(next, *since + timeouts_.head);
  return std::min(next, total_by_);
}

std::optional<base::Time> Multiplexing::unfinished_since() const {
  return client_ == nullptr ? std::nullopt : client_->unfinished_since();
}

void Multiplexing::on(Tick&&, const StageContext& context) {
  const base::Time now = context.now;
  if (now >= total_by_) return cut_off(CloseReason::kTotalTimeout, context);
  for (const auto& leg : legs_) {
    if (leg->state == MuxLeg::State::kSecuring && now >= leg->secured_by) {
      leg_failed(*leg, {CloseReason::kTlsOrigin, 0, "The TLS handshake with the origin did not end in time."}, context);
    }
    if (leg->rests() && now >= leg->idle_since + origin_idle_max) hang_up(*leg, context);
  }
  while (!order_.empty() && now >= order_.front()->moved_at + timeouts_.idle) {
    give_up(*order_.front(), Http2Code::kCancel, CloseReason::kIdleTimeout, context);
  }
  if (drain_at_ && now >= *drain_at_) {
    drain_at_.reset();
    client_->drain();
  }
  if (now >= update_at_) {
    update_at_ = now + update_every;
    for (MuxStream* stream : order_) {
      if (!stream->left || now < stream->noted_at + update_every) continue;
      stream->noted_at = now;
      of(*stream, context).write_record(Record::State::kOpen);
    }
  }
  if (const auto since = unfinished_since(); since && now >= *since + timeouts_.head) {
    return cut_off(CloseReason::kHeadTimeout, context);
  }
  if (order_.empty() && now >= moved_at_ + timeouts_.idle) {
    if (client_ == nullptr) return leave(CloseReason::kIdleTimeout, Stage::kUnspecified, context);
    ending_ = CloseReason::kIdleTimeout;
    client_->terminate(Http2Code::kNoError);
  }
  work(context);
}

// ---- moving on

// Events of one side make output of the other, and output makes events; until neither is left, or no room.
void Multiplexing::work(const StageContext& context) {
  if (client_ == nullptr) return;
  for (bool moved = true; moved && !over_;) {
    moved = hear_client(context);
    for (const auto& leg : legs_) moved = serve(*leg, context) || moved;
    if (!waiting_.empty()) send_waiting(context);
    for (const auto& leg : legs_) moved = send_to_origin(*leg, context) || moved;
    moved = send_to_client(context) || moved;
  }
  if (over_) return;
  hold_or_release(context);
  settle(context);
}

bool Multiplexing::hear_client(const StageContext& context) {
  http::SessionEvents events = client_->take_events();
  for (http::SessionEvent& event : events) {
    std::visit([&](auto&& one) { client_says(std::move(one), context); }, std::move(event));
  }
  return !events.empty();
}

bool Multiplexing::serve(MuxLeg& leg, const StageContext& context) {
  if (leg.session == nullptr) return false;
  http::SessionEvents events = leg.session->take_events();
  for (http::SessionEvent& event : events) {
    if (leg.session == nullptr) return true;  // given up meanwhile
    std::visit([&](auto&& one) { origin_says(leg, std::move(one), context); }, std::move(event));
  }
  if (leg.session == nullptr || !leg.session->finished()) return !events.empty();
  leg_gone(leg, CloseReason::kOriginClosed, context);
  return true;
}

bool Multiplexing::send_to_client(const StageContext& context) {
  return send_output(*client_, outlet_, Side::kClient, 0, context);
}

bool Multiplexing::send_to_origin(MuxLeg& leg, const StageContext& context) {
  if (leg.session == nullptr) return false;
  const bool any = send_output(*leg.session, leg.outlet, Side::kOrigin, leg.index, context);
  if (!leg.session->take_end()) return any;
  context.out.emplace_back(EndWrite{Side::kOrigin, leg.index});
  return true;
}

// Where there are no windows, not reading is what stops a sender.
void Multiplexing::hold_or_release(const StageContext& context) {
  const auto set = [&](bool& held, bool full, Side side, LegIndex leg) {
    if (std::exchange(held, full) == full) return;
    if (full) {
      context.out.emplace_back(HoldRead{side, HoldReason::kUnread, leg});
    } else {
      context.out.emplace_back(ReleaseRead{side, HoldReason::kUnread, leg});
    }
  };
  set(client_held_, client_->full(), Side::kClient, 0);
  for (const auto& leg : legs_) {
    if (leg->session != nullptr) set(leg->held, leg->session->full(), Side::kOrigin, leg->index);
  }
}

// Whether the connection goes on.
void Multiplexing::settle(const StageContext& context) {
  if (std::exchange(busy_, !streams_.empty()) && streams_.empty()) context.out.emplace_back(Resume{});
  if (client_->broken()) {
    context.out.emplace_back(Abort{Side::kClient});
    return leave(ending_.value_or(CloseReason::kOriginClosed), Stage::kRelaying, context);
  }
  if (!client_->finished() || client_->has_output()) return;
  const CloseReason reason = ending_.value_or(CloseReason::kClientClosed);
  end_all(reason, context);
  over_ = true;
  context.record.close_reason = reason;
  if (context.record.action == Verdict::kUnspecified) context.record.action = Verdict::kAllow;
  if (exchanges_ == 0) context.write_record(Record::State::kClosed);
  for (const auto& leg : legs_) hang_up(*leg, context);
  if (client_held_) context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kUnread});
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(Refusing(context.now, reason));
}

// New streams are still taken for as long as the client may not have heard.
void Multiplexing::tell_drain(const StageContext& context) {
  if (ending_) return;
  ending_ = CloseReason::kCompleted;
  client_->announce_drain();
  drain_at_ = context.now + drain_notice;
}

// The end of the connection and of all that runs on it.
void Multiplexing::cut_off(CloseReason reason, const StageContext& context) {
  if (client_ != nullptr) {
    client_->terminate(Http2Code::kNoError);
    (void)send_to_client(context);
  }
  abort_origin(context);
  end_all(reason, context);
  leave(reason, Stage::kRelaying, context);
}

void Multiplexing::abort_origin(const StageContext& context) {
  for (const auto& leg : legs_) context.out.emplace_back(Abort{Side::kOrigin, leg->index});
}

void Multiplexing::leave(CloseReason reason, Stage stage, const StageContext& context) {
  over_ = true;
  if (exchanges_ > 0) context.record.close_reason = reason;  // every exchange has had its own record
  context.finish(reason, exchanges_ > 0 ? Stage::kUnspecified : stage);
}

bool Multiplexing::each_record(const std::function<void(FlowRecord&)>& visit) {
  if (exchanges_ == 0) return false;
  for (MuxStream* stream : order_) visit(*stream->record);
  return true;
}

}  // namespace sluice::flow
