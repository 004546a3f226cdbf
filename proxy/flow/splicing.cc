#include "proxy/flow/splicing.h"

#include <algorithm>

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

namespace {

void note(const SpliceBytes& bytes, FlowRecord& record) {
  record.client_bytes = bytes.client;
  record.server_bytes = bytes.server;
}

void abort_both(const StageContext& context) {
  context.out.emplace_back(Abort{Side::kClient});
  context.out.emplace_back(Abort{Side::kOrigin});
}

}  // namespace

Splicing::Splicing(const StageContext& context) : update_at_(context.now + update_every) {
  const base::Duration total = context.settings.timeouts.total;
  if (total.count() > 0) total_deadline_ = context.record.started + total;
}

std::optional<base::Time> Splicing::deadline() const {
  return total_deadline_ ? std::min(*total_deadline_, update_at_) : update_at_;
}

void begin_splice(const StageContext& context, base::Chunk to_origin, base::Chunk to_client, Ended ended) {
  context.write_record(Record::State::kOpen);
  const Timeouts& timeouts = context.settings.timeouts;
  context.out.emplace_back(Splice{std::move(to_origin), std::move(to_client), ended.client, ended.origin, timeouts.idle,
                                  timeouts.half_open});
  context.go(Splicing(context));
}

void Splicing::on(SpliceEnded&& input, const StageContext& context) {
  note(input.bytes, context.record);
  context.finish(input.reason);
}

void Splicing::on(Tick&& input, const StageContext& context) {
  note(input.bytes, context.record);
  if (total_deadline_ && context.now >= *total_deadline_) {
    abort_both(context);
    context.finish(CloseReason::kTotalTimeout, Stage::kSplicing);
    return;
  }
  update_at_ = context.now + update_every;
  context.write_record(Record::State::kOpen);
}

void Splicing::on(Shutdown&& input, const StageContext& context) {
  note(input.bytes, context.record);
  abort_both(context);
  context.finish(input.reason, Stage::kSplicing);
}

// A flow that began under another policy: it ends if its name is blocked now, or shall be looked into.
void Splicing::on(PolicyChanged&& input, const StageContext& context) {
  note(input.bytes, context.record);
  const auto protocol = context.record.tls_version != 0 ? policy::Protocol::kTls : policy::Protocol::kOther;
  const policy::Verdict verdict = ask_policy(context, Known::kSpoken, protocol);
  const BypassReasonCode why = context.record.bypass_reason_code;
  const bool cannot = why == BypassReasonCode::kClientCertificate || why == BypassReasonCode::kProtocol;
  if (verdict.decision == policy::Decision::kIntercept && protocol == policy::Protocol::kTls && !cannot) {
    abort_both(context);
    context.finish(CloseReason::kPolicyChanged, Stage::kSplicing);
    return;
  }
  if (verdict.decision != policy::Decision::kBlock) return;
  note_verdict(context, verdict);
  abort_both(context);
  context.finish(CloseReason::kPolicyChanged, Stage::kSplicing);
}

}  // namespace sluice::flow
