#pragma once
// What a PeerChain holds, and how certificates become plain values. Internal to tls/.
#include "proxy/tls/openssl.h"
#include "proxy/tls/peer_chain.h"

namespace sluice::tls {

struct PeerChain::State {
  // Hashes what it was given.
  State(std::vector<CertificatePtr> shown, base::ByteView stapled);

  std::vector<CertificatePtr> certificates;
  std::vector<uint8_t> ocsp;
  Sha256 hash{};
};

PeerCertificate peer_certificate_of(const X509* certificate);

}  // namespace sluice::tls
