#include "proxy/flow/hearing.h"

#include "proxy/flow/peeking.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

void Hearing::start(base::Chunk early, const StageContext& context) {
  held_ = std::move(early);
  if (!look(context)) context.go(std::move(*this));
}

void Hearing::on(Received&& input, const StageContext& context) {
  held_.append(input.bytes.view());
  look(context);
}

void Hearing::on(ReadEnded&&, const StageContext& context) {
  refuse_here(CloseReason::kClientHelloMalformed, "The client ended in the middle of its ClientHello.", context);
}

void Hearing::on(Reset&&, const StageContext& context) {
  context.finish(CloseReason::kClientReset, Stage::kPeeking);
}

void Hearing::on(Tick&&, const StageContext& context) {
  refuse_here(CloseReason::kClientHelloTimeout, "The ClientHello did not arrive in time.", context);
}

void Hearing::on(Shutdown&& input, const StageContext& context) {
  context.finish(input.reason, Stage::kPeeking);
}

bool Hearing::refuse_here(CloseReason reason, std::string_view detail, const StageContext& context) const {
  context.record.client_bytes = held_.size();
  refuse(context, dialect_, Stage::kPeeking, reason, detail);
  return true;
}

bool Hearing::look(const StageContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_complete()) return decide(&parsed.value(), context);
  if (parsed.reason() == wire::HelloError::kNotTls) return decide(nullptr, context);
  return parsed.reason() == wire::HelloError::kTooLarge
             ? refuse_here(CloseReason::kClientHelloTooLarge, "The ClientHello is larger than 64 KiB.", context)
             : refuse_here(CloseReason::kClientHelloMalformed, "The ClientHello is malformed.", context);
}

bool Hearing::decide(const wire::ClientHello* hello, const StageContext& context) {
  if (hello != nullptr) {
    note_hello(*hello, context.record);
    const NameBinding binding = bind_name(context.record);
    if (binding == NameBinding::kAnother) {
      return refuse_here(CloseReason::kSniMismatch, "The name in the ClientHello is another than in the CONNECT.",
                         context);
    }
    if (binding == NameBinding::kTaken) authority_ = {context.record.host, std::nullopt, authority_.port};
  }
  const policy::Protocol protocol = hello != nullptr ? policy::Protocol::kTls : protocol_of(held_.view());
  const policy::Verdict verdict = ask_policy(context, Known::kSpoken, protocol);
  if (verdict.decision == policy::Decision::kBlock) {
    context.record.client_bytes = held_.size();
    note_verdict(context, verdict);
    refuse_by_policy(context, dialect_);
    return true;
  }
  context.out.emplace_back(Dial{std::move(authority_), nullptr});
  context.go(Dialing(dialect_, std::move(held_), false));
  return true;
}

}  // namespace sluice::flow
