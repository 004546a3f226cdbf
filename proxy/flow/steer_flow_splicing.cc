#include "proxy/flow/steer_flow_splicing.h"

#include <algorithm>

#include "proxy/flow/limits.h"
#include "proxy/flow/steer_flow.h"

namespace sluice::flow {

namespace {

void note(const SpliceBytes& bytes, const SteerContext& context) {
  context.record.client_bytes = context.flow.client_bytes(bytes.client);
  context.record.server_bytes = bytes.server;
}

void abort_both(const SteerContext& context) {
  context.out.emplace_back(Abort{Side::kClient});
  context.out.emplace_back(Abort{Side::kOrigin});
}

}  // namespace

SteerSplicing::SteerSplicing(const SteerContext& context) : update_at_(context.now + update_every) {
  const base::Duration total = context.settings.timeouts.total;
  if (total.count() > 0) total_deadline_ = context.record.started + total;
}

std::optional<base::Time> SteerSplicing::deadline() const {
  return total_deadline_ ? std::min(*total_deadline_, update_at_) : update_at_;
}

void SteerSplicing::on(SpliceEnded&& input, const SteerContext& context) {
  note(input.bytes, context);
  context.finish(input.reason);
}

void SteerSplicing::on(Tick&& input, const SteerContext& context) {
  note(input.bytes, context);
  if (total_deadline_ && context.now >= *total_deadline_) {
    abort_both(context);
    return context.finish(CloseReason::kTotalTimeout, Stage::kSplicing);
  }
  update_at_ = context.now + update_every;
  context.write_record(Record::State::kOpen);
}

void SteerSplicing::on(Shutdown&& input, const SteerContext& context) {
  note(input.bytes, context);
  abort_both(context);
  context.finish(input.reason, Stage::kSplicing);
}

SteerRefusing::SteerRefusing(base::Time now, CloseReason reason) : deadline_(now + refusal_linger), reason_(reason) {}

void SteerRefusing::close(const SteerContext& context) const {
  context.out.emplace_back(Close{reason_});
  context.go(SteerDone{});
}

}  // namespace sluice::flow
