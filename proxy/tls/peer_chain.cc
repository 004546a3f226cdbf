#include "proxy/tls/peer_chain.h"

#include <openssl/pem.h>

#include "proxy/base/assert.h"
#include "proxy/tls/peer_chain_state.h"

namespace sluice::tls {

namespace {

std::vector<std::string> uris_of(const X509* certificate) {
  std::vector<std::string> uris;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  ERR_clear_error();
  return uris;
}

Sha256 digest_of(const X509* certificate) {
  Sha256 digest{};
  unsigned length = 0;
  SLUICE_ASSERT(X509_digest(certificate, EVP_sha256(), digest.data(), &length) == 1 && length == digest.size());
  return digest;
}

}  // namespace

PeerChain::State::State(std::vector<CertificatePtr> shown, base::ByteView stapled)
    : certificates(std::move(shown)), ocsp(stapled.begin(), stapled.end()) {
  SLUICE_ASSERT(!certificates.empty());
  std::vector<uint8_t> digests;
  for (const CertificatePtr& certificate : certificates) {
    const Sha256 digest = digest_of(certificate.get());
    digests.insert(digests.end(), digest.begin(), digest.end());
  }
  hash = sha256(digests);
}

base::Result<PeerChain> PeerChain::from_pem(std::string_view pem, base::ByteView ocsp) {
  auto certificates = parse_certificates(pem, "the chain");
  if (!certificates) return certificates.error();
  return PeerChain(std::make_shared<const State>(std::move(*certificates), ocsp));
}

PeerCertificate peer_certificate_of(const X509* certificate) {
  PeerCertificate peer;
  peer.subject = text_of(X509_get_subject_name(certificate));
  peer.issuer = text_of(X509_get_issuer_name(certificate));
  peer.serial = serial_of(X509_get0_serialNumber(certificate));
  peer.not_before = wall_time_of(X509_get0_notBefore(certificate)).value_or(base::WallTime{});
  peer.not_after = wall_time_of(X509_get0_notAfter(certificate)).value_or(base::WallTime{});
  peer.uris = uris_of(certificate);
  peer.fingerprint = digest_of(certificate);
  return peer;
}

PeerCertificate PeerChain::leaf() const {
  return peer_certificate_of(state_->certificates.front().get());
}

size_t PeerChain::size() const {
  return state_->certificates.size();
}

const Sha256& PeerChain::hash() const {
  return state_->hash;
}

}  // namespace sluice::tls
