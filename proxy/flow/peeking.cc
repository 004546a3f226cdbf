#include "proxy/flow/peeking.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/ja4.h"

namespace sluice::flow {

void note_hello(const wire::ClientHello& hello, FlowRecord& record) {
  if (!hello.server_name.empty()) {
    if (auto host = wire::parse_host(hello.server_name)) record.sni = std::move(host->name);
  }
  record.alpn.clear();
  for (const std::string_view protocol : hello.alpn) {
    if (!record.alpn.empty()) record.alpn += ',';
    record.alpn += protocol;
  }
  record.ech = static_cast<Ech>(hello.ech);
  record.tls_version = hello.version;
  record.ja4_raw = wire::ja4_raw(hello);
}

NameBinding bind_name(FlowRecord& record) {
  if (record.sni.empty() || record.sni == record.host) return NameBinding::kBound;
  if (!base::IpAddress::parse(record.host) || base::IpAddress::parse(record.sni)) return NameBinding::kAnother;
  record.host = record.sni;
  record.host_source = HostSource::kSni;
  record.dialled = false;  // not where this name lives
  return NameBinding::kTaken;
}

namespace {

CloseReason close_reason_of(wire::HelloError error) {
  return error == wire::HelloError::kTooLarge ? CloseReason::kClientHelloTooLarge : CloseReason::kClientHelloMalformed;
}

}  // namespace

void Peeking::start(base::Chunk held, bool client_ended, const StageContext& context) {
  held_ = std::move(held);
  client_ended_ = client_ended;
  if (!held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
  const bool over = held_.empty() ? client_ended_ && decide(nullptr, context) : look(context);
  if (!over) context.go(std::move(*this));
}

void Peeking::on(Received&& input, const StageContext& context) {
  if (input.side == Side::kClient) {
    if (held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
    held_.append(input.bytes.view());
    look(context);
    return;
  }
  origin_held_.append(input.bytes.view());
  if (held_.empty()) {
    decide(nullptr, context);
  } else if (origin_held_.size() >= origin_first_bytes_max) {
    context.out.emplace_back(HoldRead{Side::kOrigin, HoldReason::kFirstBytes});
  }
}

void Peeking::on(ReadEnded&& input, const StageContext& context) {
  if (input.side == Side::kClient) {
    client_ended_ = true;
    if (held_.empty()) {
      decide(nullptr, context);  // it will never speak; the origin still may
    } else {
      look(context);
    }
    return;
  }
  if (!held_.empty()) return (void)end(CloseReason::kOriginClosed, context);
  origin_ended_ = true;
  decide(nullptr, context);  // it says nothing (more), and may still listen
}

void Peeking::on(Reset&& input, const StageContext& context) {
  context.out.emplace_back(Abort{other(input.side)});
  end(input.side == Side::kClient ? CloseReason::kClientReset : CloseReason::kOriginReset, context);
}

void Peeking::on(Tick&&, const StageContext& context) {
  if (maybe_http_) {
    maybe_http_ = false;
    decide(nullptr, context);
    return;
  }
  end(held_.empty() ? CloseReason::kIdleTimeout : CloseReason::kClientHelloTimeout, context);
}

void Peeking::on(Shutdown&& input, const StageContext& context) {
  end(input.reason, context);
}

bool Peeking::end(CloseReason reason, const StageContext& context) const {
  context.record.client_bytes = held_.size();
  context.finish(reason, Stage::kPeeking);
  return true;
}

bool Peeking::look(const StageContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_complete()) return decide(&parsed.value(), context);
  if (parsed.is_need_more()) {
    return client_ended_ && end(CloseReason::kClientHelloMalformed, context);
  }
  if (parsed.reason() == wire::HelloError::kNotTls) {
    maybe_http_ = !client_ended_ && protocol_of(held_.view()) == policy::Protocol::kNotYet;
    return !maybe_http_ && decide(nullptr, context);
  }
  return end(close_reason_of(parsed.reason()), context);
}

bool Peeking::decide(const wire::ClientHello* hello, const StageContext& context) {
  FlowRecord& record = context.record;
  record.client_bytes = held_.size();
  if (hello != nullptr) {
    note_hello(*hello, record);
    const NameBinding binding = bind_name(record);
    if (binding == NameBinding::kAnother) {
      record.policy_kind = PolicyKind::kDestination;
      record.policy = "name binding";
      refuse_tls(context, CloseReason::kSniMismatch);
      return true;
    }
    if (binding == NameBinding::kTaken) return redial(context);
  }
  const policy::Protocol protocol = hello != nullptr ? policy::Protocol::kTls : spoken();
  const policy::Verdict verdict = ask_policy(context, Known::kSpoken, protocol);
  note_verdict(context, verdict);
  if (!passes(verdict)) return block(protocol, verdict.notice, context);
  const bool inspected = protocol == policy::Protocol::kHttp && verdict.decision == policy::Decision::kIntercept;
  if (inspected) return relay(context);
  if (verdict.decision == policy::Decision::kIntercept) return intercept(context);
  begin_splice(context, std::move(held_), std::move(origin_held_), {client_ended_, origin_ended_});
  return true;
}

bool Peeking::redial(const StageContext& context) {
  const FlowRecord& record = context.record;
  const policy::Verdict verdict = ask_policy(context, Known::kSpoken, policy::Protocol::kTls);
  if (verdict.decision == policy::Decision::kBlock) {
    note_verdict(context, verdict);
    return block(policy::Protocol::kTls, verdict.notice, context);
  }
  context.out.emplace_back(Dial{{record.host, std::nullopt, record.destination.port}, nullptr});
  context.go(Redialing(std::move(held_), client_ended_));
  return true;
}

// What the client speaks, when it is not TLS. Whoever lets the origin speak first speaks no HTTP.
policy::Protocol Peeking::spoken() const {
  const policy::Protocol protocol =
      origin_held_.empty() && !origin_ended_ ? protocol_of(held_.view()) : policy::Protocol::kOther;
  return protocol == policy::Protocol::kHttp ? protocol : policy::Protocol::kOther;
}

// Plain HTTP is always inspected, request by request.
bool Peeking::relay(const StageContext& context) {
  const FlowRecord& record = context.record;
  RelayTerms terms;
  terms.scheme = http::Scheme::kHttp;
  terms.bound = wire::Authority{record.host, base::IpAddress::parse(record.host), record.destination.port};
  terms.origin_open = true;
  context.record.client_bytes = 0;  // counted request by request
  Relaying(std::move(terms)).start(std::move(held_), client_ended_, context);
  return true;
}

bool Peeking::intercept(const StageContext& context) {
  if (origin_ended_) return end(CloseReason::kOriginClosed, context);
  if (!origin_held_.empty()) return end(CloseReason::kUnknownProtocol, context);  // a TLS server speaks second
  begin_interception(context, std::move(held_), client_ended_);
  return true;
}

bool Peeking::block(policy::Protocol protocol, const policy::Notice* notice, const StageContext& context) {
  FlowRecord& record = context.record;
  record.action = Verdict::kBlock;
  if (protocol == policy::Protocol::kTls) {
    refuse_tls(context, CloseReason::kPolicyBlock);
  } else if (protocol == policy::Protocol::kHttp) {
    wire::RequestHeadParser parser;
    const auto head = parser.feed(held_.view());
    const std::string* accept = head.is_complete() ? wire::find_field(head.value().fields, "accept") : nullptr;
    refuse_page(context, notice, accept == nullptr ? "" : *accept);
  } else {
    end(CloseReason::kUnknownProtocol, context);
  }
  return true;
}

}  // namespace sluice::flow
