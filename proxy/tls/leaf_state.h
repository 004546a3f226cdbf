#pragma once
// What a Leaf holds. Internal to tls/.
#include "proxy/tls/leaf.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

struct Leaf::State {
  CertificatePtr certificate;
  base::WallTime not_after{};  // remembered until then
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<STACK_OF(X509)> chain;  // without the leaf; shared by all leaves of one issuer
};

}  // namespace sluice::tls
