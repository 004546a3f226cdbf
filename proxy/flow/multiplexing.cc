// Multiplexing: the connection as a whole.
#include "proxy/flow/multiplexing.h"

#include <algorithm>
#include <utility>

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

using http::Http2Code;
using http::Http2Session;

namespace {
// RFC 9113 section 3.4.
constexpr std::string_view client_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
}  // namespace

void Multiplexing::start(const StageContext& context) {
  timeouts_ = context.settings.timeouts;
  total_by_ = timeouts_.total_end(context.record.started);
  moved_at_ = leg_idle_since_ = context.now;
  update_at_ = context.now + update_every;
  origin_address_ = context.record.destination;
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
  } else if (origin_ != nullptr) {
    hear_origin(input.bytes.view(), context);
  }
  work(context);
}

void Multiplexing::begin_origin(const StageContext& context) {
  outlets_[static_cast<size_t>(Side::kOrigin)] = {};
  origin_ = std::make_unique<Http2Session>(Http2Session::Options{.role = Http2Session::Role::kClient}, context.now);
  if (!origin_first_.empty()) hear_origin(std::exchange(origin_first_, {}).view(), context);
}

// WebSockets are offered where the origin takes them.
void Multiplexing::hear_origin(base::ByteView bytes, const StageContext& context) {
  leg_heard_ = true;
  origin_->receive(bytes, context.now);
  if (origin_->takes_websockets()) client_->offer_websockets();
}

// A client of HTTP/2 speaks first, and always the same words.
void Multiplexing::begin(const StageContext& context) {
  const std::string_view said = first_words_.text().substr(0, client_preface.size());
  if (!client_preface.starts_with(said) || origin_first_.size() >= origin_first_bytes_max) {
    return unknown_inside(context);
  }
  if (said.size() < client_preface.size()) return;
  client_ = std::make_unique<Http2Session>(
      Http2Session::Options{.role = Http2Session::Role::kServer, .streams_max = mux_streams_max, .websockets = false},
      context.now);
  if (context.draining) tell_drain(context);
  if (leg_ == OriginLeg::kOpen) begin_origin(context);
  client_->receive(first_words_.view(), context.now);
  first_words_.release();
  work(context);
}

void Multiplexing::unknown_inside(const StageContext& context) {
  if (leg_ != OriginLeg::kOpen) return leave(CloseReason::kOriginClosed, Stage::kRelaying, context);
  over_ = true;
  Relaying(std::move(terms_)).start_unknown(std::move(first_words_), std::move(origin_first_), context);
}

void Multiplexing::on(ReadEnded&& input, const StageContext& context) {
  if (input.side == Side::kOrigin) {
    origin_gone(CloseReason::kOriginClosed, context);
    return work(context);
  }
  end_all(CloseReason::kClientClosed, context);
  leave(CloseReason::kClientClosed, Stage::kUnspecified, context);
}

void Multiplexing::on(Reset&& input, const StageContext& context) {
  if (input.side == Side::kOrigin) {
    origin_gone(CloseReason::kOriginReset, context);
    return work(context);
  }
  const Stage stage = streams_.empty() ? Stage::kUnspecified : Stage::kRelaying;
  context.out.emplace_back(Abort{Side::kOrigin});
  end_all(CloseReason::kClientReset, context);
  leave(CloseReason::kClientReset, stage, context);
}

void Multiplexing::on(Sent&& input, const StageContext& context) {
  outlets_[static_cast<size_t>(input.side)] = {};
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
  if (leg_ == OriginLeg::kSecuring) next = std::min(next, secured_by_);
  if (leg_ == OriginLeg::kOpen && order_.empty()) next = std::min(next, leg_idle_since_ + origin_idle_max);
  if (drain_at_) next = std::min(next, *drain_at_);
  return std::min(next, total_by_);
}

void Multiplexing::on(Tick&&, const StageContext& context) {
  const base::Time now = context.now;
  if (now >= total_by_) return cut_off(CloseReason::kTotalTimeout, context);
  if (leg_ == OriginLeg::kSecuring && now >= secured_by_) {
    hang_up(context);
    refuse_waiting({CloseReason::kTlsOrigin, 0, "The TLS handshake with the origin did not end in time."}, context);
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
  if (order_.empty() && leg_ == OriginLeg::kOpen && now >= leg_idle_since_ + origin_idle_max) hang_up(context);
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
    moved = false;
    for (http::Http2Event& event : client_->take_events()) {
      std::visit([&](auto&& one) { client_says(std::move(one), context); }, std::move(event));
      moved = true;
    }
    if (origin_ != nullptr) {
      for (http::Http2Event& event : origin_->take_events()) {
        if (origin_ == nullptr) break;  // given up meanwhile
        std::visit([&](auto&& one) { origin_says(std::move(one), context); }, std::move(event));
        moved = true;
      }
    }
    if (!waiting_.empty()) send_waiting(context);
    if (origin_ != nullptr) moved = take_output(Side::kOrigin, context) || moved;
    if (origin_ != nullptr && origin_->finished()) {
      origin_gone(CloseReason::kOriginClosed, context);
      moved = true;
    }
    moved = take_output(Side::kClient, context) || moved;
  }
  if (!over_) settle(context);
}

bool Multiplexing::take_output(Side side, const StageContext& context) {
  Http2Session& session = side == Side::kClient ? *client_ : *origin_;
  Outlet& outlet = outlets_[static_cast<size_t>(side)];
  bool any = false;
  while (outlet.taken < outlet_bytes_max) {
    base::Chunk bytes = session.take_output(outlet_bytes_max - outlet.taken);
    if (bytes.empty()) break;
    outlet.taken += bytes.size();
    context.out.emplace_back(Send{side, std::move(bytes)});
    any = true;
  }
  if (outlet.taken >= outlet_bytes_max && !outlet.waiting) {
    outlet.waiting = true;
    context.out.emplace_back(TellWhenSent{side});
  }
  return any;
}

// Whether the connection goes on.
void Multiplexing::settle(const StageContext& context) {
  if (std::exchange(busy_, !streams_.empty()) && streams_.empty()) context.out.emplace_back(Resume{});
  if (!client_->finished() || client_->has_output()) return;
  const CloseReason reason = ending_.value_or(CloseReason::kClientClosed);
  end_all(reason, context);
  over_ = true;
  context.record.close_reason = reason;
  if (context.record.action == Verdict::kUnspecified) context.record.action = Verdict::kAllow;
  if (exchanges_ == 0) context.write_record(Record::State::kClosed);
  hang_up(context);
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
    (void)take_output(Side::kClient, context);
  }
  context.out.emplace_back(Abort{Side::kOrigin});
  end_all(reason, context);
  leave(reason, Stage::kRelaying, context);
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
