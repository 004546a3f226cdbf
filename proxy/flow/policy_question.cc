#include "proxy/flow/policy_question.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/policy/request_path.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::flow {

namespace {

using policy::Fact;

policy::Verdict verdict_without_policy() {
  policy::Verdict verdict;
  verdict.decision = policy::Decision::kSplice;
  verdict.action = policy::Action::kBypass;
  verdict.by.kind = policy::Kind::kSslDecryption;
  verdict.by.rule = "interception off";
  verdict.bypass = {.mode = policy::BypassMode::kDoNotDecrypt,
                    .code = policy::BypassReasonCode::kInterceptionOff,
                    .reason = "Interception is not configured on this PoP",
                    .recorded = true};
  return verdict;
}

policy::Verdict inspected_without_policy() {
  policy::Verdict verdict;
  verdict.decision = policy::Decision::kIntercept;
  verdict.action = policy::Action::kAllow;
  return verdict;
}

// The name that policy matches: the authority; where that is an address, the SNI once it could have been read.
Fact<std::string_view> host_fact(const FlowRecord& record, Known known) {
  if (!base::IpAddress::parse(record.host)) return Fact<std::string_view>::of(record.host);
  if (known != Known::kSpoken) return {};
  return Fact<std::string_view>::of(record.sni.empty() ? record.host : record.sni);
}

policy::Facts facts_of(const StageContext& context, Known known, policy::Protocol protocol) {
  const FlowRecord& record = context.record;
  policy::Facts facts;
  facts.now = record.start;
  if (!record.user.empty()) facts.user = Fact<std::string_view>::of(record.user);
  facts.source = record.source.address;
  // Any program may use a tunnel with its own certificate; only a steering client says what it knows of the flow.
  facts.has_client = !record.correlation_id.empty() || !record.process_name.empty();
  if (record.app_source) facts.source = record.app_source->address;
  if (!record.process_name.empty()) {
    facts.process = Fact<policy::Process>::of({record.process_name, record.process_path, {}});
  }
  facts.host = host_fact(record, known);
  if (record.dialled) {
    facts.address = Fact<base::IpAddress>::of(record.destination.address);
  } else if (const auto literal = base::IpAddress::parse(record.host)) {
    facts.address = Fact<base::IpAddress>::of(*literal);
  }
  facts.port = record.destination.port;
  facts.protocol = protocol;
  facts.has_ech = record.ech == Ech::kOuter || record.ech == Ech::kInner;
  facts.request = Fact<policy::Request>::never();
  facts.can_intercept = context.settings.interception;
  return facts;
}

}  // namespace

policy::Verdict ask_policy(const StageContext& context, Known known, policy::Protocol protocol) {
  if (context.settings.policy == nullptr) {
    const bool tls = protocol == policy::Protocol::kTls && context.settings.interception;
    return tls || protocol == policy::Protocol::kHttp ? inspected_without_policy() : verdict_without_policy();
  }
  return context.settings.policy->decide(facts_of(context, known, protocol));
}

bool passes(const policy::Verdict& verdict) {
  return verdict.decision == policy::Decision::kSplice || verdict.decision == policy::Decision::kIntercept;
}

namespace {
void note_labels(const StageContext& context, const policy::Facts& facts) {
  FlowRecord& record = context.record;
  const policy::Policy& policy = *context.settings.policy;
  record.policy_version = policy.version();
  const policy::HostLabels labels = policy.labels(facts);
  record.app = labels.app;
  record.app_category = labels.app_category;
  record.category = labels.category;
  record.other_categories.assign(labels.other_categories.begin(), labels.other_categories.end());
}
}  // namespace

void note_verdict(const StageContext& context, const policy::Verdict& verdict) {
  FlowRecord& record = context.record;
  const bool spliced = verdict.decision == policy::Decision::kSplice;
  record.action = static_cast<Verdict>(verdict.action);
  record.policy = verdict.by.rule;
  record.policy_kind = static_cast<PolicyKind>(verdict.by.kind);
  record.ssl_policy = verdict.ssl_policy;
  record.notification = verdict.notice == nullptr ? std::string_view{} : verdict.notice->name;
  record.bypass_mode = spliced ? static_cast<BypassMode>(verdict.bypass.mode) : BypassMode::kNone;
  record.bypass_reason_code =
      spliced ? static_cast<BypassReasonCode>(verdict.bypass.code) : BypassReasonCode::kUnspecified;
  record.bypass_reason = spliced ? verdict.bypass.reason : std::string_view{};
  if (record.client_verdict != SteeringVerdict::kUnspecified) {
    const bool excepted = verdict.by.kind == policy::Kind::kSteeringException;
    record.policy_disagreement = excepted != (record.client_verdict == SteeringVerdict::kBypass);
  }
  record.recorded = !spliced || verdict.bypass.recorded || record.begun;  // what was begun is ended
  if (context.settings.policy == nullptr) return;
  note_labels(context, facts_of(context, Known::kSpoken, policy::Protocol::kNotYet));
}

namespace {
// What policy looks at in a request. Owns the one text that is made for it.
class RequestFacts {
 public:
  RequestFacts(const StageContext& context, const http::Request& request)
      : path_(policy::normalised_path(request.path)),
        facts_(facts_of(context, Known::kSpoken, policy::Protocol::kHttp)) {
    const std::string* type = wire::find_field(request.fields, "content-type");
    facts_.request = Fact<policy::Request>::of(
        {.method = request.method, .path = path_, .content_type = type == nullptr ? std::string_view{} : *type});
  }
  const policy::Facts& facts() const { return facts_; }

 private:
  std::string path_;
  policy::Facts facts_;
};
}  // namespace

policy::Verdict ask_about_request(const StageContext& context, const http::Request& request) {
  if (context.settings.policy == nullptr) return inspected_without_policy();
  return context.settings.policy->decide(RequestFacts(context, request).facts());
}

bool passes_unknown_protocol(const StageContext& context) {
  FlowRecord& record = context.record;
  const bool passes = context.settings.policy != nullptr && context.settings.policy->splices_unknown_protocol();
  record.policy = "unknown_protocol";
  record.policy_kind = PolicyKind::kProtocol;
  record.action = passes ? Verdict::kBypass : Verdict::kBlock;
  record.bypass_mode = passes ? BypassMode::kDoNotDecrypt : BypassMode::kNone;
  record.bypass_reason_code = passes ? BypassReasonCode::kProtocol : BypassReasonCode::kUnspecified;
  record.bypass_reason = passes ? "Unknown protocol" : "";
  return passes;
}

policy::CertificateVerdict ask_about_certificate(const StageContext& context,
                                                 std::span<const policy::CertificateError> errors) {
  if (context.settings.policy == nullptr) return {};
  return context.settings.policy->decide_certificate(facts_of(context, Known::kSpoken, policy::Protocol::kTls), errors);
}

void note_request_verdict(const StageContext& context, const http::Request& request, const policy::Verdict& verdict) {
  // An exception: not looked into further, though it passes through our hands.
  if (verdict.decision == policy::Decision::kSplice) return note_verdict(context, verdict);
  FlowRecord& record = context.record;
  record.action = static_cast<Verdict>(verdict.action);
  record.policy = verdict.by.rule;
  record.policy_kind = static_cast<PolicyKind>(verdict.by.kind);
  if (verdict.by.rule.empty() && record.tls && !record.tls->cert_rule.empty()) {
    record.policy = record.tls->cert_rule;
    record.policy_kind = PolicyKind::kCertificateError;
  }
  record.notification = verdict.notice == nullptr ? std::string_view{} : verdict.notice->name;
  record.bypass_mode = BypassMode::kNone;
  record.bypass_reason_code = BypassReasonCode::kUnspecified;
  record.bypass_reason.clear();
  if (context.settings.policy != nullptr) note_labels(context, RequestFacts(context, request).facts());
}

// As lenient as the most lenient server behind us: what it would take for HTTP must not pass as something unknown.
policy::Protocol protocol_of(base::ByteView first_bytes) {
  // Of RFC 9110, PATCH and WebDAV: a word in capitals alone would take SMTP and IRC for HTTP.
  static constexpr std::string_view methods[] = {"GET",   "HEAD",  "POST",    "PUT",      "DELETE",    "OPTIONS",
                                                 "PATCH", "TRACE", "CONNECT", "PROPFIND", "PROPPATCH", "MKCOL",
                                                 "COPY",  "MOVE",  "LOCK",    "UNLOCK",   "REPORT",    "SEARCH"};
  std::string_view text = base::as_text(first_bytes);
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));  // RFC 9112 section 2.2
  bool maybe = false;
  for (const std::string_view method : methods) {
    if (text.size() <= method.size()) {
      maybe = maybe || method.starts_with(text);
    } else if (text.starts_with(method) && std::string_view(" \t\v\f\r").find(text[method.size()]) != text.npos) {
      return policy::Protocol::kHttp;
    }
  }
  if (maybe) return policy::Protocol::kNotYet;
  const bool request_line = text.substr(0, text.find('\n')).find(" HTTP/") != text.npos;  // of any method
  return request_line ? policy::Protocol::kHttp : policy::Protocol::kOther;
}

}  // namespace sluice::flow
