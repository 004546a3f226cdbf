#pragma once
// PeerChain: the certificates that a server showed, as they came.
#include <memory>
#include <string_view>

#include "proxy/base/chunk.h"
#include "proxy/base/result.h"
#include "proxy/tls/peer.h"

namespace sluice::tls {

// Leaf first, never empty, nothing in it verified; with the OCSP response that was stapled, if any. Immutable, a
// handle; any thread.
class PeerChain {
 public:
  // Certificates in PEM, leaf first, and an OCSP response in DER.
  static base::Result<PeerChain> from_pem(std::string_view pem, base::ByteView ocsp = {});

  PeerCertificate leaf() const;
  size_t size() const;
  // SHA-256 over all certificates in order.
  const Sha256& hash() const;

  struct State;
  explicit PeerChain(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace sluice::tls
