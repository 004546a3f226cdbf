#include "proxy/flow/recognizing.h"

#include "proxy/flow/peeking.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"

namespace sluice::flow {

void Recognizing::on(Opened&& input, const StageContext& context) {
  deadline_ = context.now + context.settings.timeouts.client_hello;
  if (!input.original_destination) return end(CloseReason::kBadAuthority, context);  // it was meant for us
  const base::Endpoint& to = *input.original_destination;
  destination_ = {to.address.to_string(), to.address, to.port};
  context.record.host = destination_.host;
  context.record.destination = to;
  if (!context.settings.source_allowed(context.record.source.address)) end(CloseReason::kSourceNotAllowed, context);
}

void Recognizing::on(Received&& input, const StageContext& context) {
  if (held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
  held_.append(input.bytes.view());
  look(context);
}

void Recognizing::on(ReadEnded&&, const StageContext& context) {
  if (held_.empty()) {
    context.vanish();  // a port check, or a browser's spare connection
  } else {
    end(CloseReason::kClientHelloMalformed, context);
  }
}

void Recognizing::on(Reset&&, const StageContext& context) {
  if (held_.empty()) {
    context.vanish();
  } else {
    end(CloseReason::kClientReset, context);
  }
}

void Recognizing::on(Tick&&, const StageContext& context) {
  if (held_.empty() || protocol_of(held_.view()) == policy::Protocol::kNotYet) {
    go_to(destination_, context);
  } else {
    end(CloseReason::kClientHelloTimeout, context);
  }
}

void Recognizing::on(Shutdown&& input, const StageContext& context) {
  if (held_.empty()) {
    context.vanish();
  } else {
    end(input.reason, context);
  }
}

void Recognizing::look(const StageContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_need_more()) return;
  if (parsed.is_complete()) return heard(parsed.value(), context);
  if (parsed.reason() == wire::HelloError::kNotTls) return look_for_request(context);
  end(parsed.reason() == wire::HelloError::kTooLarge ? CloseReason::kClientHelloTooLarge
                                                     : CloseReason::kClientHelloMalformed,
      context);
}

void Recognizing::heard(const wire::ClientHello& hello, const StageContext& context) {
  note_hello(hello, context.record);
  if (context.record.sni.empty()) return go_to(destination_, context);
  context.record.host_source = HostSource::kSni;
  go_to({context.record.sni, base::IpAddress::parse(context.record.sni), destination_.port}, context);
}

void Recognizing::look_for_request(const StageContext& context) {
  switch (protocol_of(held_.view())) {
    case policy::Protocol::kNotYet: return;
    case policy::Protocol::kHttp: break;
    case policy::Protocol::kTls:
    case policy::Protocol::kOther: return go_to(destination_, context);
  }
  RelayTerms terms;
  terms.scheme = http::Scheme::kHttp;
  terms.bound = destination_;
  Relaying(std::move(terms)).start(std::move(held_), false, context);
}

void Recognizing::go_to(wire::Authority authority, const StageContext& context) {
  FlowRecord& record = context.record;
  record.host = authority.host;
  record.client_bytes = held_.size();
  constexpr Dialect dialect = Dialect::kTransparent;
  if (!context.settings.port_allowed(authority.port)) {
    return refuse(context, dialect, Stage::kGreeting, CloseReason::kPortNotAllowed, "");
  }
  const policy::Verdict verdict = ask_policy(context, Known::kAuthority, policy::Protocol::kNotYet);
  if (verdict.decision == policy::Decision::kBlock) {
    note_verdict(context, verdict);
    Blocking blocking(context.now + context.settings.timeouts.client_hello);
    return blocking.start(dialect, std::move(held_), false, context);
  }
  context.out.emplace_back(Dial{std::move(authority), nullptr});
  context.go(Dialing(dialect, std::move(held_), false));
}

void Recognizing::end(CloseReason reason, const StageContext& context) const {
  context.record.client_bytes = held_.size();
  context.record.action = Verdict::kBlock;
  context.record.policy_kind = PolicyKind::kProtocol;
  context.finish(reason, Stage::kGreeting);
}

}  // namespace sluice::flow
