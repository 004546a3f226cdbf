#pragma once
// What a Leaf holds. Internal to tls/.
#include "proxy/tls/leaf.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
using ChainPtr = std::unique_ptr<STACK_OF(X509), FreeChain>;

struct Leaf::State {
  CertificatePtr certificate;
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<STACK_OF(X509)> chain;  // without the leaf; shared by all leaves of one issuer
};

}  // namespace sluice::tls
