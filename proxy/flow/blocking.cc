#include "proxy/flow/blocking.h"

#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

void Blocking::start(Dialect dialect, base::Chunk held, bool client_ended, const StageContext& context) {
  context.write_record(Record::State::kOpen);
  grant(context, dialect);
  held_ = std::move(held);
  if (!held_.empty() && look(context)) return;
  if (client_ended) {
    end(context);
  } else {
    context.go(std::move(*this));
  }
}

void Blocking::on(Received&& input, const StageContext& context) {
  held_.append(input.bytes.view());
  look(context);
}

void Blocking::on(ReadEnded&&, const StageContext& context) {
  end(context);
}
void Blocking::on(Reset&&, const StageContext& context) {
  end(context);
}
void Blocking::on(Tick&&, const StageContext& context) {
  end(context);
}
void Blocking::on(Shutdown&&, const StageContext& context) {
  end(context);
}

void Blocking::end(const StageContext& context) const {
  context.record.client_bytes = held_.size();
  context.finish(CloseReason::kPolicyBlock, Stage::kPeeking);
}

// True when the stage is over.
bool Blocking::look(const StageContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  context.record.client_bytes = held_.size();
  if (parsed.is_complete()) {
    note_hello(parsed.value(), context.record);
    refuse_tls(context, CloseReason::kPolicyBlock);
    return true;
  }
  if (parsed.reason() == wire::HelloError::kNotTls) return look_for_request(context);
  end(context);
  return true;
}

bool Blocking::look_for_request(const StageContext& context) {
  auto parsed = request_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid()) {
    end(context);
    return true;
  }
  const std::string* accept = wire::find_field(parsed.value().fields, "accept");
  const policy::Verdict verdict = ask_policy(context, Known::kAuthority, policy::Protocol::kHttp);
  refuse_page(context, verdict.notice, accept == nullptr ? "" : *accept);
  return true;
}

}  // namespace sluice::flow
