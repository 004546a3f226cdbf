#include "proxy/flow/dialing.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

void Dialing::on(DialDone&& input, const StageContext& context) {
  if (input.address.port != 0) {
    context.record.destination = input.address;
    context.record.dialled = true;
  }
  if (input.failure != CloseReason::kUnspecified) {
    if (dialect_ == Dialect::kTransparent) context.record.client_bytes = held_.size();  // all of it is payload
    refuse(context, dialect_, Stage::kDialing, input.failure, input.detail);
    return;
  }
  const policy::Verdict verdict = ask_policy(context, Known::kAddress, policy::Protocol::kNotYet);
  if (verdict.decision == policy::Decision::kBlock) {
    note_verdict(context, verdict);
    if (context.record.device) return refuse_by_policy(context, dialect_);
    Blocking blocking(context.now + context.settings.timeouts.client_hello);
    blocking.start(dialect_, std::move(held_), client_ended_, context);
    return;
  }
  // From here on bytes leave for this flow: its record goes first, unless it is not yet known whether there may be one.
  const bool undecided = verdict.decision == policy::Decision::kUndecided;
  if (!undecided) context.record.recorded = verdict.decision != policy::Decision::kSplice || verdict.bypass.recorded;
  if (!undecided) context.write_record(Record::State::kOpen);
  grant(context, dialect_);
  Peeking peeking(context.now + context.settings.timeouts.idle);
  peeking.start(std::move(held_), client_ended_, context);
}

void Dialing::on(Received&& input, const StageContext& context) {
  held_.append(input.bytes.view());
  if (held_.size() >= early_bytes_max) {
    context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
  }
}

// A client may send its whole conversation and FIN at once: the dial goes on.
void Dialing::on(ReadEnded&&, const StageContext&) {
  client_ended_ = true;
}

void Dialing::on(Reset&&, const StageContext& context) {
  context.finish(CloseReason::kClientReset, Stage::kDialing);
}

void Dialing::on(Shutdown&& input, const StageContext& context) {
  context.finish(input.reason, Stage::kDialing);
}

}  // namespace sluice::flow
