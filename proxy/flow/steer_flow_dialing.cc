#include "proxy/flow/steer_flow_dialing.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/flow/steer_flow_refusal.h"

namespace sluice::flow {

void follow(Way way, Route route, policy::Protocol protocol, base::Chunk held, bool client_ended,
            const SteerContext& context) {
  if (route == Route::kRefuse) {
    context.announce();
    refuse_by_verdict(way, protocol, held, CloseReason::kPolicyBlock, "This connection is not allowed.", context);
    return;
  }
  SteerDialing dialing(std::move(way), route, protocol, std::move(held), client_ended);
  dialing.start(context);
}

void SteerDialing::start(const SteerContext& context) {
  dial(context);
  context.go(std::move(*this));
}

void SteerDialing::dial(const SteerContext& context) {
  const FlowRecord& record = context.record;
  wire::Authority authority = way_.authority;
  early_bytes_ = 0;
  if (route_ == Route::kDirect) {
    context.out.emplace_back(Dial{std::move(authority), nullptr});
    return;
  }
  // The PoP resolves the name itself: what it checks is what it dials. What only DNS answers said is no name for it.
  if (authority.address && record.host_source != HostSource::kDns && !base::IpAddress::parse(record.host)) {
    authority = {record.host, std::nullopt, authority.port};
  }
  auto tunnel = std::make_unique<ThroughTunnel>();
  tunnel->metadata = metadata_of(record);
  // A hello may be sent twice, a request may not: it waits for the answer.
  if (protocol_ == policy::Protocol::kTls) {
    tunnel->early = base::Chunk::copy_of(held_.view());
    early_bytes_ = held_.size();
  }
  context.out.emplace_back(Dial{std::move(authority), std::move(tunnel)});
}

void SteerDialing::on(DialDone&& input, const SteerContext& context) {
  FlowRecord& record = context.record;
  if (route_ == Route::kDirect && input.address.port != 0) {
    record.destination = input.address;
    record.dialled = true;
  }
  if (input.failure != CloseReason::kUnspecified) return failed(std::move(input), context);
  context.announce();
  context.write_record(Record::State::kOpen);
  if (!way_.granted) grant(context, way_.in);
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  held_.consume(early_bytes_);
  context.flow.add_client_bytes(static_cast<int64_t>(early_bytes_));
  const Timeouts& timeouts = context.settings.timeouts;
  if (protocol_ == policy::Protocol::kNotYet) {  // its app has not spoken yet, and goes direct
    SteerPeeking peeking(context.now + timeouts.idle);
    return peeking.start(std::move(held_), client_ended_, context);
  }
  context.out.emplace_back(Splice{std::move(held_), {}, client_ended_, false, timeouts.idle, timeouts.half_open});
  context.go(SteerSplicing(context));
}

void SteerDialing::failed(DialDone&& input, const SteerContext& context) {
  if (route_ == Route::kTunnel && input.failure == CloseReason::kTunnelLost) {
    if (context.settings.policy->fails_open(context.settings.user)) {
      turn_direct(BypassReasonCode::kFailOpen, "Fail open - no tunnel", context);
      route_ = Route::kDirect;
      return dial(context);
    }
    FlowRecord& record = context.record;
    record.action = Verdict::kBlock;
    record.policy = "fail closed";
    record.policy_kind = PolicyKind::kAdmission;
    record.bypass_mode = BypassMode::kNone;
    record.bypass_reason_code = BypassReasonCode::kUnspecified;
    record.bypass_reason.clear();
    record.recorded = record.primary = true;
    context.flow.set_line(policy::Line::kNone);
    context.announce();
    return refuse_by_verdict(way_, protocol_, held_, CloseReason::kTunnelLost,
                             "There is no connection to the security service, and traffic may not pass without it.",
                             context);
  }
  context.announce();
  // A PoP that refused says by which rule; its own record has it too.
  if (!input.policy.empty()) context.record.policy = std::move(input.policy);
  refuse_failed(way_, protocol_, held_, input.failure, input.detail, context);
}

void SteerDialing::on(Received&& input, const SteerContext& context) {
  held_.append(input.bytes.view());
  if (held_.size() >= early_bytes_max) {
    context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
  }
}

// An app may send its whole conversation and FIN at once: the dial goes on.
void SteerDialing::on(ReadEnded&&, const SteerContext&) {
  client_ended_ = true;
}

void SteerDialing::on(Reset&&, const SteerContext& context) {
  context.announce();
  context.finish(CloseReason::kClientReset, Stage::kDialing);
}

void SteerDialing::on(Shutdown&& input, const SteerContext& context) {
  context.announce();
  context.finish(input.reason, Stage::kDialing);
}

}  // namespace sluice::flow
