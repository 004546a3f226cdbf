#include "proxy/flow/steer_flow_peeking.h"

#include "proxy/flow/peeking.h"
#include "proxy/flow/steer_flow.h"

namespace sluice::flow {

void SteerPeeking::start(base::Chunk held, bool client_ended, const SteerContext& context) {
  held_ = std::move(held);
  client_ended_ = client_ended;
  if (!held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
  if (client_ended_ || (!held_.empty() && look(context))) return splice({}, false, context);
  context.go(std::move(*this));
}

void SteerPeeking::on(Received&& input, const SteerContext& context) {
  if (input.side == Side::kOrigin) return splice(std::move(input.bytes), false, context);
  if (held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
  held_.append(input.bytes.view());
  if (look(context)) splice({}, false, context);
}

void SteerPeeking::on(ReadEnded&& input, const SteerContext& context) {
  if (input.side == Side::kClient) client_ended_ = true;
  splice({}, input.side == Side::kOrigin, context);
}

void SteerPeeking::on(Reset&& input, const SteerContext& context) {
  context.out.emplace_back(Abort{other(input.side)});
  end(input.side == Side::kClient ? CloseReason::kClientReset : CloseReason::kOriginReset, context);
}

void SteerPeeking::on(Tick&&, const SteerContext& context) {
  if (!held_.empty()) return splice({}, false, context);
  context.out.emplace_back(Abort{Side::kClient});
  context.out.emplace_back(Abort{Side::kOrigin});
  end(CloseReason::kIdleTimeout, context);
}

void SteerPeeking::on(Shutdown&& input, const SteerContext& context) {
  context.out.emplace_back(Abort{Side::kClient});
  context.out.emplace_back(Abort{Side::kOrigin});
  end(input.reason, context);
}

bool SteerPeeking::look(const SteerContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_complete()) note_hello(parsed.value(), context.record);
  return !parsed.is_need_more();
}

void SteerPeeking::splice(base::Chunk to_client, bool origin_ended, const SteerContext& context) {
  const Timeouts& timeouts = context.settings.timeouts;
  context.out.emplace_back(
      Splice{std::move(held_), std::move(to_client), client_ended_, origin_ended, timeouts.idle, timeouts.half_open});
  context.go(SteerSplicing(context));
}

void SteerPeeking::end(CloseReason reason, const SteerContext& context) const {
  context.record.client_bytes = context.flow.client_bytes(held_.size());
  context.finish(reason, Stage::kPeeking);
}

}  // namespace sluice::flow
