#include "proxy/flow/relaying.h"

#include <algorithm>
#include <memory>

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

using http::Next;

namespace {

void abort_both(const StageContext& context) {
  context.out.emplace_back(Abort{Side::kClient});
  context.out.emplace_back(Abort{Side::kOrigin});
}

}  // namespace

Relaying::Relaying(RelayTerms terms) : terms_(std::move(terms)), requests_(terms_.scheme) {
  if (!terms_.origin_open) return;
  leg_ = OriginLeg::kOpen;
  origin_ = *terms_.bound;
}

void Relaying::prepare(const StageContext& context) {
  timeouts_ = context.settings.timeouts;
  total_by_ = timeouts_.total_end(context.record.started);
  moved_at_ = head_since_ = leg_idle_since_ = context.now;
  origin_address_ = context.record.destination;
}

void Relaying::start_unknown(base::Chunk of_client, base::Chunk of_origin, const StageContext& context) {
  prepare(context);
  requests_.receive(std::move(of_client));
  unknown_inside(std::move(of_origin), context);
  if (!over_) context.go(std::move(*this));
}

void Relaying::start(base::Chunk held, bool client_ended, const StageContext& context) {
  prepare(context);
  client_ended_ = client_ended;
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  requests_.receive(std::move(held));
  advance(context);
  if (!over_) context.go(std::move(*this));
}

// ---- inputs

void Relaying::on(Received&& input, const StageContext& context) {
  moved_at_ = context.now;
  if (input.side == Side::kClient) {
    if (response_phase_ == ResponsePhase::kOpaque) {
      context.record.client_bytes += input.bytes.size();
      to_origin(std::move(input.bytes), context);
      return;
    }
    if (!in_exchange() && !requests_.in_head()) head_since_ = context.now;
    requests_.receive(std::move(input.bytes));
    advance(context);
  } else if (response_phase_ == ResponsePhase::kOpaque) {
    to_client(std::move(input.bytes), context);
  } else if (!responses_) {
    if (decrypts() && !http_seen_ && !in_exchange()) return unknown_inside(std::move(input.bytes), context);
    hang_up(context);  // nobody asked
  } else {
    responses_->receive(std::move(input.bytes));
    read_responses(context);
  }
}

void Relaying::on(ReadEnded&& input, const StageContext& context) {
  if (response_phase_ == ResponsePhase::kOpaque) {
    (input.side == Side::kClient ? client_ended_ : origin_ended_) = true;
    if (client_ended_ && origin_ended_) {
      const bool client_first = input.side == Side::kOrigin;
      leave(client_first ? CloseReason::kClientClosed : CloseReason::kOriginClosed, Stage::kUnspecified, context);
    } else {
      context.out.emplace_back(EndWrite{other(input.side)});
    }
    return;
  }
  if (input.side == Side::kOrigin) {
    // Cut off, the end of a body that has no other end is no end.
    const bool cut = input.cut && response_phase_ == ResponsePhase::kReceiving;
    return origin_gone(cut ? CloseReason::kOriginReset : CloseReason::kOriginClosed, context);
  }
  client_ended_ = true;
  advance(context);
}

void Relaying::on(Reset&& input, const StageContext& context) {
  if (response_phase_ == ResponsePhase::kOpaque || input.side == Side::kClient) {
    const bool client = input.side == Side::kClient;
    context.out.emplace_back(Abort{other(input.side)});
    leave(client ? CloseReason::kClientReset : CloseReason::kOriginReset,
          in_exchange() ? Stage::kRelaying : Stage::kUnspecified, context);
  } else {
    origin_gone(CloseReason::kOriginReset, context);
  }
}

void Relaying::on(Resumed&&, const StageContext& context) {
  resuming_ = false;
  advance(context);
}

void Relaying::on(Shutdown&& input, const StageContext& context) {
  abort_both(context);
  leave(input.reason, Stage::kRelaying, context);
}

// The next request is asked about anyway; one in progress ends if it is blocked now.
void Relaying::on(PolicyChanged&&, const StageContext& context) {
  // What shall not be looked into any more comes back on a connection of its own.
  if (decrypts() && response_phase_ != ResponsePhase::kOpaque &&
      ask_policy(context, Known::kSpoken, policy::Protocol::kTls).decision == policy::Decision::kSplice) {
    client_keeps_ = false;
    if (!in_exchange() && !resuming_) return leave(CloseReason::kPolicyChanged, Stage::kUnspecified, context);
  }
  if (response_phase_ == ResponsePhase::kOpaque && !context.record.exchange) return;
  if (request_phase_ != RequestPhase::kSending && request_phase_ != RequestPhase::kSent) return;
  if (!is_blocked_now(context, requests_.request())) return;
  abort_both(context);
  leave(CloseReason::kPolicyChanged, Stage::kRelaying, context);
}

std::optional<base::Time> Relaying::deadline() const {
  if (leg_ == OriginLeg::kSecuring) return secured_by_;
  // The dialer has its own deadline and always answers.
  if (request_phase_ == RequestPhase::kReady) return std::nullopt;
  if (in_exchange()) return std::min({moved_at_ + timeouts_.idle, update_at_, total_by_});
  const base::Time next =
      std::min(total_by_, requests_.in_head() ? head_since_ + timeouts_.head : moved_at_ + timeouts_.idle);
  return leg_ == OriginLeg::kOpen ? std::min(next, leg_idle_since_ + origin_idle_max) : next;
}

void Relaying::on(Tick&&, const StageContext& context) {
  if (leg_ == OriginLeg::kSecuring) {
    origin_insecure(CloseReason::kTlsOrigin, "The TLS handshake with the origin did not end in time.", context);
    return;
  }
  const bool over = context.now >= total_by_;
  const bool idle = context.now >= moved_at_ + timeouts_.idle;
  if (in_exchange() && (over || idle)) {
    abort_both(context);
    leave(over ? CloseReason::kTotalTimeout : CloseReason::kIdleTimeout, Stage::kRelaying, context);
  } else if (over) {
    leave(CloseReason::kTotalTimeout, Stage::kUnspecified, context);
  } else if (in_exchange()) {
    update_at_ = context.now + update_every;
    context.write_record(Record::State::kOpen);
  } else if (requests_.in_head() && context.now >= head_since_ + timeouts_.head) {
    leave(CloseReason::kHeadTimeout, Stage::kRelaying, context);
  } else if (!requests_.in_head() && idle) {
    leave(CloseReason::kIdleTimeout, Stage::kUnspecified, context);
  } else {
    hang_up(context);
  }
}

// ---- the client's side

void Relaying::advance(const StageContext& context) {
  while (!over_ && take_next(context)) {
  }
  if (!over_) hold_client(context);
}

// True when something was taken and there may be more.
bool Relaying::take_next(const StageContext& context) {
  const bool may_read = request_phase_ == RequestPhase::kAwaiting || request_phase_ == RequestPhase::kSending;
  if (!may_read || resuming_ || response_phase_ == ResponsePhase::kOpaque) return false;
  if (decrypts() && !http_seen_ && !speaks_http(context)) return false;
  const Next next = requests_.next();
  if (in_exchange()) context.record.client_bytes += requests_.taken();
  switch (next) {
    case Next::kNeedMore:
      if (client_ended_) client_ended_early(context);
      return false;
    case Next::kHead: begin_exchange(context); return true;
    case Next::kContent: to_origin(body_up_.content(requests_.content()), context); return true;
    case Next::kEnd: request_ended(context); return true;
    case Next::kInvalid: reject(requests_.problem(), context); return false;
  }
  return false;
}

// False: not yet known, or it does not, and that is dealt with.
bool Relaying::speaks_http(const StageContext& context) {
  switch (protocol_of(requests_.waiting_bytes())) {
    case policy::Protocol::kHttp: http_seen_ = true; return true;
    case policy::Protocol::kNotYet:
      if (client_ended_) client_ended_early(context);
      return false;
    case policy::Protocol::kOther:
    case policy::Protocol::kTls: break;
  }
  unknown_inside({}, context);
  return false;
}

// Inside TLS is something else than HTTP, or the origin speaks first.
void Relaying::unknown_inside(base::Chunk of_origin, const StageContext& context) {
  context.record.client_bytes = requests_.waiting();
  if (!passes_unknown_protocol(context)) {
    abort_both(context);
    leave(CloseReason::kUnknownProtocol, Stage::kRelaying, context);
    return;
  }
  context.write_record(Record::State::kOpen);
  request_phase_ = RequestPhase::kSent;
  response_phase_ = ResponsePhase::kOpaque;
  update_at_ = context.now + update_every;
  to_origin(requests_.take_rest(), context);
  to_client(std::move(of_origin), context);
  if (client_ended_) context.out.emplace_back(EndWrite{Side::kOrigin});
  hold_client(context);
}

void Relaying::begin_exchange(const StageContext& context) {
  fresh_record(context);
  const http::Request& request = requests_.request();
  context.record.client_bytes = requests_.taken();
  note_request(context, terms_, request, request.minor_version == 0 ? HttpVersion::kHttp10 : HttpVersion::kHttp11);
  request_phase_ = RequestPhase::kReady;
  client_keeps_ = request.keep_alive;
  tried_again_ = false;
  undecided_ = false;
  moved_at_ = context.now;
  update_at_ = context.now + update_every;
  judge(context);
}

// The first exchange has the flow's own record.
void Relaying::fresh_record(const StageContext& context) {
  if (exchanges_++ > 0) renew_record(context.record, context.next_event_counter(), context.now);
}

void Relaying::request_ended(const StageContext& context) {
  http::Fields trailers = requests_.take_trailers();
  http::drop_trailer_fields(trailers);
  to_origin(body_up_.end(trailers), context);
  request_phase_ = RequestPhase::kSent;
  if (response_phase_ == ResponsePhase::kNone) finish_exchange(context);
}

// FIN before the request was whole.
void Relaying::client_ended_early(const StageContext& context) {
  if (in_exchange()) {
    context.out.emplace_back(Abort{Side::kOrigin});
    leave(CloseReason::kClientClosed, Stage::kRelaying, context);
  } else if (requests_.in_head()) {
    leave(CloseReason::kHeadIncomplete, Stage::kRelaying, context);
  } else {
    leave(CloseReason::kClientClosed, Stage::kUnspecified, context);
  }
}

// Requests sent ahead wait in the reader, bounded.
void Relaying::hold_client(const StageContext& context) {
  const bool full = requests_.waiting() >= early_bytes_max;
  if (full == holding_) return;
  holding_ = full;
  if (full) {
    context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kPipelined});
  } else {
    context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kPipelined});
  }
}

// Both sides have said everything. The next exchange begins when the record of this one is written.
void Relaying::finish_exchange(const StageContext& context) {
  context.record.close_reason = CloseReason::kCompleted;
  context.write_record(Record::State::kClosed);
  request_phase_ = RequestPhase::kAwaiting;
  response_phase_ = ResponsePhase::kNone;
  responses_.reset();
  leg_idle_since_ = context.now;
  if (!leg_keeps_) hang_up(context);
  if (!client_keeps_ || (client_ended_ && requests_.waiting() == 0)) {
    linger(CloseReason::kCompleted, context);
    return;
  }
  resuming_ = true;
  context.out.emplace_back(Resume{});
}

// Nothing more will be said to the client: it may read, and close.
void Relaying::linger(CloseReason reason, const StageContext& context) {
  over_ = true;
  if (holding_) context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kPipelined});
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(Refusing(context.now, reason));
}

void Relaying::leave(CloseReason reason, Stage stage, const StageContext& context) {
  over_ = true;
  context.finish(reason, stage);
}

void Relaying::to_client(base::Chunk bytes, const StageContext& context) {
  if (bytes.empty()) return;
  context.record.server_bytes += bytes.size();
  context.out.emplace_back(Send{Side::kClient, std::move(bytes)});
}

void Relaying::to_origin(base::Chunk bytes, const StageContext& context) {
  if (!bytes.empty() && leg_ == OriginLeg::kOpen) context.out.emplace_back(Send{Side::kOrigin, std::move(bytes)});
}

}  // namespace sluice::flow
