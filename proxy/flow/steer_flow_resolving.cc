#include "proxy/flow/steer_flow_resolving.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/flow/steer_flow_verdict.h"

namespace sluice::flow {

void SteerResolving::start(const SteerContext& context) {
  context.out.emplace_back(Resolve{way_.authority.host});
  context.go(std::move(*this));
}

void SteerResolving::on(Resolved&& input, const SteerContext& context) {
  if (input.address) context.record.destination.address = *input.address;
  if (!input.configured) way_.address = input.address;
  if (reading_held_) context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  const bool is_request = way_.in == Way::In::kPlainRequest;
  const auto protocol = is_request ? policy::Protocol::kHttp : policy::Protocol::kNotYet;
  const Route route = decide_route(way_, protocol, context);
  if (route == Route::kTunnel && !is_request) {  // its first words go behind our CONNECT
    SteerHearing hearing(std::move(way_), route);
    return hearing.start(std::move(held_), client_ended_, context);
  }
  follow(std::move(way_), route, protocol, std::move(held_), client_ended_, context);
}

void SteerResolving::on(Received&& input, const SteerContext& context) {
  held_.append(input.bytes.view());
  if (held_.size() < early_bytes_max || reading_held_) return;
  reading_held_ = true;
  context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
}

void SteerResolving::on(ReadEnded&&, const SteerContext&) {
  client_ended_ = true;
}

void SteerResolving::on(Reset&&, const SteerContext& context) {
  context.vanish();
}

void SteerResolving::on(Shutdown&&, const SteerContext& context) {
  context.vanish();
}

}  // namespace sluice::flow
