#pragma once
// What a TrustStore holds, and the stapled OCSP response. Internal to tls/.
#include "proxy/tls/openssl.h"
#include "proxy/tls/verifier.h"

namespace sluice::tls {

struct TrustStore::State {
  StorePtr store;
  uint64_t generation = 0;
  bool has_crls = false;
};

struct OcspAnswer {
  enum class Status : uint8_t { kNone, kGood, kRevoked };  // kNone: nothing in it can be believed
  Status status = Status::kNone;
  base::WallTime usable_until = base::WallTime::max();
};

// `built` is the verified chain, leaf first; `shown` what the server sent.
OcspAnswer read_ocsp(base::ByteView response, STACK_OF(X509) * built, STACK_OF(X509) * shown, X509_STORE* store,
                     base::WallTime now);

}  // namespace sluice::tls
