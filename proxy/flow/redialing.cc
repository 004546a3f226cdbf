#include "proxy/flow/redialing.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"

namespace sluice::flow {

void Redialing::on(DialDone&& input, const StageContext& context) {
  FlowRecord& record = context.record;
  record.client_bytes = held_.size();
  if (input.address.port != 0) {
    record.destination = input.address;
    record.dialled = true;
  }
  if (input.failure != CloseReason::kUnspecified) {
    fail_tls(context, Stage::kDialing, input.failure);
    return;
  }
  const policy::Verdict verdict = ask_policy(context, Known::kSpoken, policy::Protocol::kTls);
  note_verdict(context, verdict);
  if (verdict.decision == policy::Decision::kIntercept) {
    begin_interception(context, std::move(held_), client_ended_);
  } else if (passes(verdict)) {
    begin_splice(context, std::move(held_), {}, {.client = client_ended_});
  } else {
    refuse_tls(context, CloseReason::kPolicyBlock);
  }
}

void Redialing::on(Received&& input, const StageContext& context) {
  held_.append(input.bytes.view());
  if (held_.size() >= early_bytes_max) {
    context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
  }
}

void Redialing::on(ReadEnded&&, const StageContext&) {
  client_ended_ = true;
}

void Redialing::on(Reset&&, const StageContext& context) {
  context.record.client_bytes = held_.size();
  context.finish(CloseReason::kClientReset, Stage::kDialing);
}

void Redialing::on(Shutdown&& input, const StageContext& context) {
  context.record.client_bytes = held_.size();
  context.finish(input.reason, Stage::kDialing);
}

}  // namespace sluice::flow
