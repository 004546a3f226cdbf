#include "proxy/flow/handshaking.h"

#include <algorithm>
#include <utility>

#include "proxy/flow/limits.h"
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/origin_trust.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/wire/client_hello.h"

namespace sluice::flow {

namespace {

// A client that can verify ECDSA says so (RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1); one of TLS 1.2 must know
// a cipher suite for it, too.
bool needs_rsa(base::ByteView held) {
  wire::ClientHelloPeek peek;
  const wire::HelloParse parsed = peek.feed(held);
  if (!parsed.is_complete()) return false;
  const wire::ClientHello& hello = parsed.value();
  constexpr uint16_t ecdsa_secp256r1_sha256 = 0x0403;
  const auto has = [](const wire::U16List& list, uint16_t wanted) {
    for (const uint16_t one : list) {
      if (one == wanted) return true;
    }
    return false;
  };
  if (!has(hello.signature_algorithms, ecdsa_secp256r1_sha256)) return true;
  constexpr uint16_t tls13 = 0x0304;
  if (hello.version >= tls13) return false;
  // ECDHE_ECDSA with AES-GCM, ChaCha20-Poly1305, AES-CBC.
  static constexpr uint16_t ecdsa_suites[] = {0xc02b, 0xc02c, 0xcca9, 0xc023, 0xc024, 0xc009, 0xc00a};
  return std::none_of(std::begin(ecdsa_suites), std::end(ecdsa_suites),
                      [&](uint16_t suite) { return has(hello.cipher_suites, suite); });
}

// Whether what the client wants to speak inside may be HTTP. `alpn`: comma separated; "": it did not say.
bool may_be_http(std::string_view alpn) {
  if (alpn.empty()) return true;
  while (!alpn.empty()) {
    const std::string_view name = alpn.substr(0, alpn.find(','));
    if (name == "h2" || name == "http/1.1" || name == "http/1.0") return true;
    alpn.remove_prefix(std::min(alpn.size(), name.size() + 1));
  }
  return false;
}

// Of what the client offers, what is relayed here, in its order; HTTP/1.1 where it did not say.
std::vector<std::string> versions_of(std::string_view alpn) {
  std::vector<std::string> versions;
  while (!alpn.empty()) {
    const std::string_view name = alpn.substr(0, alpn.find(','));
    if (name == alpn_h2 || name == alpn_http1) versions.emplace_back(name);
    alpn.remove_prefix(std::min(alpn.size(), name.size() + 1));
  }
  if (versions.empty()) versions.emplace_back(alpn_http1);
  return versions;
}

// The origin is offered what the client can speak, and the client is shown what the origin chose: one version on both
// sides. For a client of HTTP/2 alone, HTTP/1.1 is offered behind it: such an origin is translated for.
std::vector<std::string> versions_to_offer(std::string_view alpn) {
  std::vector<std::string> offer = versions_of(alpn);
  if (offer == std::vector<std::string>{std::string(alpn_h2)}) offer.emplace_back(alpn_http1);
  return offer;
}

}  // namespace

void begin_interception(const StageContext& context, base::Chunk hello, bool client_ended) {
  const FlowRecord& record = context.record;
  if (!may_be_http(record.alpn)) {
    if (!passes_unknown_protocol(context)) return refuse_tls(context, CloseReason::kUnknownProtocol);
    return begin_splice(context, std::move(hello), {}, {.client = client_ended});
  }
  if (client_ended) return context.finish(CloseReason::kClientClosed, Stage::kHandshaking);  // it hears no answer
  wire::Authority bound{record.host, base::IpAddress::parse(record.host), record.destination.port};
  Handshaking(std::move(bound), std::move(hello)).start(context);
}

void Handshaking::start(const StageContext& context) {
  context.write_record(Record::State::kOpen);
  secure_origin(versions_to_offer(context.record.alpn), context);
  context.go(std::move(*this));
}

void Handshaking::secure_origin(std::vector<std::string> versions, const StageContext& context) {
  step_ = Step::kOrigin;
  deadline_ = context.now + handshakes_max;
  offered_http2_ = std::find(versions.begin(), versions.end(), alpn_h2) != versions.end();
  context.out.emplace_back(SecureOrigin{bound_.host, context.record.destination, std::move(versions)});
}

// ---- the origin

void Handshaking::on(OriginSecured&& input, const StageContext& context) {
  // The flag counts also when the origin gave up because we had nothing to show.
  if (input.wants_certificate) return redial(Step::kRedialing, context);
  if (input.handshake.failed) {
    constexpr uint8_t no_application_protocol = 120;  // RFC 7301 section 3.2
    const bool other_version = input.handshake.alert == no_application_protocol && !offered_http2_;
    if (other_version) return redial(Step::kTranslating, context);
    note_failure(Side::kOrigin, input.handshake, facts_);
    return refuse(CloseReason::kTlsOrigin, context);
  }
  origin_http2_ = input.handshake.alpn == alpn_h2;
  switch (judge_origin(context, input, facts_)) {
    case OriginTrust::kTrusted: return answer_client(false, input.verdict, context);
    case OriginTrust::kMirrored: return answer_client(true, input.verdict, context);
    case OriginTrust::kRefused: return refuse(CloseReason::kCertificateError, context);
  }
}

// The client's handshake has not begun: an alert, in the open.
void Handshaking::refuse(CloseReason reason, const StageContext& context) {
  context.record.client_bytes = hello_.size();
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts_));
  if (step_ == Step::kOrigin) context.out.emplace_back(HangUp{});
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  if (reason == CloseReason::kCertificateError) {
    refuse_tls(context, reason, Stage::kHandshaking);
  } else {
    fail_tls(context, Stage::kHandshaking, reason);
  }
}

// ---- a second connection to the origin

void Handshaking::redial(Step step, const StageContext& context) {
  step_ = step;
  deadline_.reset();  // the dialer always answers
  context.out.emplace_back(HangUp{});
  context.out.emplace_back(Dial{bound_, nullptr});
}

void Handshaking::on(DialDone&& input, const StageContext& context) {
  if (input.failure != CloseReason::kUnspecified) return refuse(input.failure, context);
  context.record.destination = input.address;
  if (step_ == Step::kTranslating) return secure_origin({std::string(alpn_h2)}, context);
  splice_redialled(context);
}

// Nobody but the client can show its certificate: it speaks to the origin itself, over a connection that heard nothing
// of ours.
void Handshaking::splice_redialled(const StageContext& context) {
  FlowRecord& record = context.record;
  record.client_bytes = hello_.size();
  record.action = Verdict::kBypass;
  record.policy = "client certificate";
  record.policy_kind = PolicyKind::kProtocol;
  record.bypass_mode = BypassMode::kDoNotDecrypt;
  record.bypass_reason_code = BypassReasonCode::kClientCertificate;
  record.bypass_reason = "The origin asks for a certificate of the client";
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  begin_splice(context, std::move(hello_), {}, {});
}

// ---- the client

void Handshaking::answer_client(bool mirrored, const tls::OriginVerdict& verdict, const StageContext& context) {
  step_ = Step::kClient;
  if (mirrored) accepted_chain_ = verdict.chain;
  hello_bytes_ = hello_.size();
  const bool rsa = needs_rsa(hello_.view());
  const std::vector<std::string> spoken = versions_of(context.record.alpn);
  const std::string version(origin_http2_ ? alpn_h2 : alpn_http1);
  const bool shared = std::find(spoken.begin(), spoken.end(), version) != spoken.end();
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  context.out.emplace_back(HoldRead{Side::kOrigin, HoldReason::kFirstBytes});
  context.out.emplace_back(SecureClient{bound_.host, rsa, mirrored, verdict.not_after,
                                        shared ? version : spoken.front(), std::exchange(hello_, {})});
}

void Handshaking::on(ClientSecured&& input, const StageContext& context) {
  if (!input.minted) {
    context.record.tls = std::make_shared<const TlsFacts>(std::move(facts_));
    context.record.client_bytes = hello_bytes_;
    return fail_tls(context, Stage::kHandshaking, CloseReason::kInternalError);
  }
  context.record.client_bytes = 0;  // what is inside counts, message by message
  if (input.handshake.failed) {
    note_failure(Side::kClient, input.handshake, facts_);
    return end(CloseReason::kTlsClient, context);
  }
  facts_.version = input.handshake.version;
  facts_.cipher = std::move(input.handshake.cipher);
  facts_.alpn = std::move(input.handshake.alpn);
  const bool http2 = facts_.alpn == alpn_h2;
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts_));
  context.out.emplace_back(ReleaseRead{Side::kOrigin, HoldReason::kFirstBytes});
  RelayTerms terms;
  terms.scheme = http::Scheme::kHttps;
  terms.bound = std::move(bound_);
  terms.origin_open = true;
  terms.origin_http2 = origin_http2_;
  terms.accepted_chain = accepted_chain_;
  if (http2 || origin_http2_) {
    Multiplexing(std::move(terms), http2).start(context);
  } else {
    Relaying(std::move(terms)).start({}, false, context);
  }
}

// ---- both

void Handshaking::on(Received&& input, const StageContext& context) {
  hello_.append(input.bytes.view());
  if (hello_.size() >= early_bytes_max) {
    context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
  }
}

// Of the client, while it waits. Each side is silent while its handshake goes on, and the origin's reading is held
// then.
void Handshaking::on(ReadEnded&&, const StageContext& context) {
  end(CloseReason::kClientClosed, context);
}

void Handshaking::on(Reset&&, const StageContext& context) {
  context.out.emplace_back(Abort{Side::kOrigin});
  end(CloseReason::kClientReset, context);
}

void Handshaking::on(Tick&&, const StageContext& context) {
  if (step_ == Step::kClient) {
    facts_.failed = Side::kClient;
    context.record.client_bytes = 0;
    end(CloseReason::kTlsClient, context);
    return;
  }
  facts_.failed = Side::kOrigin;
  refuse(CloseReason::kTlsOrigin, context);
}

void Handshaking::on(Shutdown&& input, const StageContext& context) {
  end(input.reason, context);
}

void Handshaking::end(CloseReason reason, const StageContext& context) {
  if (step_ != Step::kClient) context.record.client_bytes = hello_.size();
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts_));
  context.finish(reason, Stage::kHandshaking);
}

}  // namespace sluice::flow
