#pragma once
// What LeafKeys holds. Internal to tls/.
#include "proxy/tls/leaf_keys.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

struct LeafKeys::State {
  std::shared_ptr<EVP_PKEY> ecdsa;
  std::shared_ptr<EVP_PKEY> rsa;
};

}  // namespace sluice::tls
