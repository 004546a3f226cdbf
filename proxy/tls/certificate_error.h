#pragma once
// What can be wrong with an origin's certificate.
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::tls {

// The first eight are the kinds that a policy can name, with its numbers (sluice.config.v1.CertificateErrorKind); the
// others say more precisely what an event shows, and count as one of the eight (policy_kind).
enum class CertificateError : uint8_t {
  kExpired = 1,
  kNotYetValid = 2,
  kSelfSigned = 3,
  kUntrustedRoot = 4,    // a CA was shown, and nothing above it is trusted
  kIncompleteChain = 5,  // only the leaf was shown, and who signed it is unknown
  kNameMismatch = 6,
  kRevoked = 7,
  kOther = 8,
  kNoSan = 9,            // names nothing by subjectAltName: a name mismatch
  kWeakSignature = 10,   // SHA-1, MD5: other, as the rest
  kWeakKey = 11,         // RSA below 2048 bits and the like
  kNameConstraint = 12,  // a CA above may not sign for this name
  kWrongPurpose = 13,    // not for servers
  kInvalidCa = 14,       // a CA above is none, or has a longer path below it than it may
  kBadSignature = 15,
};

// "expired", "name_mismatch" ...: the words of policies and events.
std::string_view name_of(CertificateError error);
CertificateError policy_kind(CertificateError error);

// A set. A value.
class CertificateErrors {
 public:
  void add(CertificateError error) { bits_ |= 1u << static_cast<unsigned>(error); }
  bool contains(CertificateError error) const { return (bits_ & 1u << static_cast<unsigned>(error)) != 0; }
  bool empty() const { return bits_ == 0; }
  std::vector<CertificateError> list() const;
  // As a policy sees them, each kind once.
  std::vector<CertificateError> policy_kinds() const;
  bool operator==(const CertificateErrors&) const = default;

 private:
  uint32_t bits_ = 0;
};

}  // namespace sluice::tls
