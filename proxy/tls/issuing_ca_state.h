#pragma once
// What an IssuingCa holds. Internal to tls/.
#include "proxy/tls/issuing_ca.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

struct IssuingCa::State {
  CertificatePtr certificate;
  KeyPtr key;
  std::shared_ptr<STACK_OF(X509)> chain;  // this CA and what stands above it, without roots
  ExtensionPtr authority_key;             // for leaves: this CA's subject key identifier
  base::WallTime not_after{};
};

Sha256 public_key_hash(const X509* certificate);

}  // namespace sluice::tls
