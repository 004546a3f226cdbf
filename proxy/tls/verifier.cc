#include "proxy/tls/verifier.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/tls/peer_chain_state.h"
#include "proxy/tls/trust_store_state.h"

namespace sluice::tls {

namespace {

using Error = CertificateError;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;

// 112 bits: RSA of 2048 bits, P-224, SHA-224 and better.
constexpr int auth_level = 2;

// What a run of X509_verify_cert notes while it goes on after each error.
struct Notes {
  CertificateErrors errors;
  bool no_issuer = false;
};

void note(Notes& notes, int code) {
  switch (code) {
    case X509_V_OK:
    // A list that is missing, too old or too new says nothing against the certificate.
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED: return;
    case X509_V_ERR_CERT_HAS_EXPIRED: return notes.errors.add(Error::kExpired);
    case X509_V_ERR_CERT_NOT_YET_VALID: return notes.errors.add(Error::kNotYetValid);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return notes.errors.add(Error::kSelfSigned);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED: return notes.errors.add(Error::kUntrustedRoot);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: notes.no_issuer = true; return;
    case X509_V_ERR_CERT_REVOKED: return notes.errors.add(Error::kRevoked);
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL: return notes.errors.add(Error::kWeakKey);
    case X509_V_ERR_CA_MD_TOO_WEAK: return notes.errors.add(Error::kWeakSignature);
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX: return notes.errors.add(Error::kNameConstraint);
    case X509_V_ERR_INVALID_PURPOSE: return notes.errors.add(Error::kWrongPurpose);
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED: return notes.errors.add(Error::kInvalidCa);
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return notes.errors.add(Error::kBadSignature);
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      // Without the issuer there is no right key to verify its list by.
      return notes.no_issuer ? void() : notes.errors.add(Error::kOther);
    default: return notes.errors.add(Error::kOther);
  }
}

extern "C" int on_verify(int ok, X509_STORE_CTX* context) {
  if (ok != 1) note(*static_cast<Notes*>(X509_STORE_CTX_get_app_data(context)), X509_STORE_CTX_get_error(context));
  return 1;
}

// A name is checked against the subjectAltName only; `*` stands for one whole label.
void check_name(X509* leaf, std::string_view host, CertificateErrors& errors) {
  const auto address = base::IpAddress::parse(host);
  const int matches =
      address ? X509_check_ip(leaf, address->bytes().data(), address->is_v4() ? 4 : 16, 0)
              : X509_check_host(leaf, host.data(), host.size(),
                                X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr);
  if (matches == 1 && !host.empty()) return;
  const bool has_names = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) >= 0;
  errors.add(has_names ? Error::kNameMismatch : Error::kNoSan);
  ERR_clear_error();
}

struct ChainResult {
  CertificateErrors errors;
  base::WallTime usable_from = base::WallTime::min();
  base::WallTime usable_until = base::WallTime::max();
};

ChainResult verify_chain(const TrustStore::State& trust, const PeerChain::State& shown, base::WallTime now) {
  const ChainPtr untrusted(sk_X509_new_null());
  SLUICE_ASSERT(untrusted != nullptr);
  for (const CertificatePtr& certificate : shown.certificates) {
    SLUICE_ASSERT(X509_add_cert(untrusted.get(), certificate.get(), X509_ADD_FLAG_UP_REF) == 1);
  }
  const StoreContextPtr context(X509_STORE_CTX_new());
  Notes notes;
  SLUICE_ASSERT(context && X509_STORE_CTX_init(context.get(), trust.store.get(), shown.certificates.front().get(),
                                               untrusted.get()) == 1);
  X509_STORE_CTX_set_app_data(context.get(), &notes);
  X509_STORE_CTX_set_verify_cb(context.get(), on_verify);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_auth_level(parameters, auth_level);
  X509_VERIFY_PARAM_set_depth(parameters, chain_depth_max);
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  if (trust.has_crls) X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  if (X509_verify_cert(context.get()) != 1 && notes.errors.empty() && !notes.no_issuer) {
    notes.errors.add(Error::kOther);  // it could not even begin
  }
  ChainResult result{notes.errors};
  STACK_OF(X509)* built = X509_STORE_CTX_get0_chain(context.get());
  if (notes.no_issuer && !notes.errors.contains(Error::kSelfSigned)) {
    result.errors.add(sk_X509_num(built) > 1 ? Error::kUntrustedRoot : Error::kIncompleteChain);
  }
  for (int i = 0; i < sk_X509_num(built); ++i) {
    const auto begins = wall_time_of(X509_get0_notBefore(sk_X509_value(built, i)));
    const auto ends = wall_time_of(X509_get0_notAfter(sk_X509_value(built, i)));
    if (begins) result.usable_from = std::max(result.usable_from, *begins);
    if (ends) result.usable_until = std::min(result.usable_until, *ends);
  }
  if (!shown.ocsp.empty()) {
    const OcspAnswer answer = read_ocsp(shown.ocsp, built, untrusted.get(), trust.store.get(), now);
    if (answer.status == OcspAnswer::Status::kRevoked) result.errors.add(Error::kRevoked);
    result.usable_until = std::min(result.usable_until, answer.usable_until);
  }
  ERR_clear_error();
  return result;
}

// A stapled response is part of what was found good.
Sha256 memory_key(const PeerChain::State& shown) {
  if (shown.ocsp.empty()) return shown.hash;
  std::vector<uint8_t> both(shown.hash.begin(), shown.hash.end());
  const Sha256 ocsp = sha256(shown.ocsp);
  both.insert(both.end(), ocsp.begin(), ocsp.end());
  return sha256(both);
}

}  // namespace

Verifier::Verifier(std::shared_ptr<const TrustStore> trust, size_t remembered_max)
    : trust_(std::move(trust)), remembered_max_(remembered_max) {}
Verifier::~Verifier() = default;

OriginVerdict Verifier::verify(const PeerChain& chain, std::string_view host, base::WallTime now) {
  const PeerChain::State& shown = chain.state();
  X509* leaf = shown.certificates.front().get();
  OriginVerdict verdict;
  verdict.subject = text_of(X509_get_subject_name(leaf));
  verdict.issuer = text_of(X509_get_issuer_name(leaf));
  verdict.not_after = wall_time_of(X509_get0_notAfter(leaf)).value_or(base::WallTime{});
  verdict.chain = shown.hash;
  verdict.trust_generation = trust_->generation();

  const Sha256 key = memory_key(shown);
  const auto found = index_.find(key);
  if (found != index_.end() && found->second->usable_from <= now && now < found->second->usable_until) {
    ++hits_;
    verdict.usable_until = found->second->usable_until;
    goods_.splice(goods_.begin(), goods_, found->second);
  } else {
    if (found != index_.end()) {
      goods_.erase(found->second);
      index_.erase(found);
    }
    const ChainResult result = verify_chain(trust_->state(), shown, now);
    verdict.errors = result.errors;
    verdict.usable_until = result.usable_until;
    if (result.errors.empty()) {
      goods_.push_front({key, result.usable_from, result.usable_until});
      index_.emplace(key, goods_.begin());
      if (goods_.size() > remembered_max_) {
        index_.erase(goods_.back().key);
        goods_.pop_back();
      }
    }
  }
  check_name(leaf, host, verdict.errors);
  return verdict;
}

void Verifier::set_trust(std::shared_ptr<const TrustStore> trust) {
  trust_ = std::move(trust);
  index_.clear();
  goods_.clear();
}

}  // namespace sluice::tls
