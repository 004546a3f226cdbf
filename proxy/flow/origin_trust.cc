#include "proxy/flow/origin_trust.h"

#include "proxy/base/assert.h"
#include "proxy/flow/policy_question.h"

namespace sluice::flow {

OriginTrust judge_origin(const StageContext& context, const OriginSecured& origin, TlsFacts& facts) {
  const tls::OriginVerdict& verdict = origin.verdict;
  facts.origin_version = origin.handshake.version;
  facts.origin_cipher = origin.handshake.cipher;
  facts.cert_subject = verdict.subject;
  facts.cert_issuer = verdict.issuer;
  facts.cert_not_after = verdict.not_after;
  facts.cert_errors.clear();
  facts.cert_rule.clear();
  if (verdict.errors.empty()) return OriginTrust::kTrusted;
  for (const tls::CertificateError error : verdict.errors.list()) facts.cert_errors.emplace_back(tls::name_of(error));
  std::vector<policy::CertificateError> kinds;
  for (const tls::CertificateError kind : verdict.errors.policy_kinds()) {
    kinds.push_back(static_cast<policy::CertificateError>(kind));
  }
  const policy::CertificateVerdict decided = ask_about_certificate(context, kinds);
  facts.cert_rule = decided.by.rule.empty() ? "certificate_errors" : decided.by.rule;  // the default
  context.record.policy = facts.cert_rule;
  context.record.policy_kind = PolicyKind::kCertificateError;
  switch (decided.action) {
    case policy::CertificateAction::kBlock: return OriginTrust::kRefused;
    case policy::CertificateAction::kAllow: return OriginTrust::kTrusted;
    case policy::CertificateAction::kMirror: return OriginTrust::kMirrored;
  }
  SLUICE_ASSERT(false);
  return OriginTrust::kRefused;
}

void note_failure(Side side, const Handshake& handshake, TlsFacts& facts) {
  facts.failed = side;
  facts.alert = handshake.alert;
}

}  // namespace sluice::flow
