#include "proxy/tls/certificate_error.h"

#include "proxy/base/assert.h"

namespace sluice::tls {

namespace {
constexpr auto last = CertificateError::kBadSignature;
}

std::string_view name_of(CertificateError error) {
  switch (error) {
    case CertificateError::kExpired: return "expired";
    case CertificateError::kNotYetValid: return "not_yet_valid";
    case CertificateError::kSelfSigned: return "self_signed";
    case CertificateError::kUntrustedRoot: return "untrusted_root";
    case CertificateError::kIncompleteChain: return "incomplete_chain";
    case CertificateError::kNameMismatch: return "name_mismatch";
    case CertificateError::kRevoked: return "revoked";
    case CertificateError::kOther: return "other";
    case CertificateError::kNoSan: return "no_san";
    case CertificateError::kWeakSignature: return "weak_signature";
    case CertificateError::kWeakKey: return "weak_key";
    case CertificateError::kNameConstraint: return "name_constraint";
    case CertificateError::kWrongPurpose: return "wrong_purpose";
    case CertificateError::kInvalidCa: return "invalid_ca";
    case CertificateError::kBadSignature: return "bad_signature";
  }
  SLUICE_ASSERT(false);
}

CertificateError policy_kind(CertificateError error) {
  if (error == CertificateError::kNoSan) return CertificateError::kNameMismatch;
  return error <= CertificateError::kOther ? error : CertificateError::kOther;
}

std::vector<CertificateError> CertificateErrors::list() const {
  std::vector<CertificateError> errors;
  for (auto number = 1u; number <= static_cast<unsigned>(last); ++number) {
    const auto error = static_cast<CertificateError>(number);
    if (contains(error)) errors.push_back(error);
  }
  return errors;
}

std::vector<CertificateError> CertificateErrors::policy_kinds() const {
  CertificateErrors kinds;
  for (const CertificateError error : list()) kinds.add(policy_kind(error));
  return kinds.list();
}

}  // namespace sluice::tls
