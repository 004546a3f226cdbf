#pragma once
// Verifier: whether an origin is who it says. It never refuses: it says everything that is wrong, and policy decides.
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/tls/certificate_error.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/peer_chain.h"

namespace sluice::tls {

// The CAs that are believed, and the CRLs that were given. Immutable, shared by all workers; any thread. A reload makes
// a new one, with a generation of its own.
class TrustStore {
 public:
  struct Files {
    std::string trust;              // PEM; "": the CAs of the system
    std::vector<std::string> crls;  // PEM, one or more CRLs each; used also when overdue: an old list beats none
  };
  // Blocking. An error names the file.
  static base::Result<std::shared_ptr<const TrustStore>> load(const Files& files);
  ~TrustStore();

  // Different for every store of this process.
  uint64_t generation() const;

  struct State;
  const State& state() const { return *state_; }

 private:
  explicit TrustStore(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

// What was found out about an origin.
struct OriginVerdict {
  CertificateErrors errors;  // none: it is what it says
  std::string subject;       // of the leaf: "CN = a.example"
  std::string issuer;
  base::WallTime not_after{};     // of the leaf
  base::WallTime usable_until{};  // the earliest end in the chain that was built, or of the OCSP response
  Sha256 chain{};                 // PeerChain::hash()
  uint64_t trust_generation = 0;
};

// Verifies, and remembers good chains by their hash: the second connection costs a hash instead of signatures.
// Belongs to one worker.
class Verifier {
 public:
  explicit Verifier(std::shared_ptr<const TrustStore> trust, size_t remembered_max = verified_chains_max);
  ~Verifier();

  // `host`: the name (lower case) or address that the client asked for. A stapled OCSP response counts when its
  // signature does.
  OriginVerdict verify(const PeerChain& chain, std::string_view host, base::WallTime now);
  // After a reload of the store; forgets everything.
  void set_trust(std::shared_ptr<const TrustStore> trust);
  const std::shared_ptr<const TrustStore>& trust() const { return trust_; }

  uint64_t remembered_hits() const { return hits_; }

 private:
  struct Good {
    Sha256 key;
    base::WallTime usable_from;
    base::WallTime usable_until;
  };
  using Goods = std::list<Good>;

  std::shared_ptr<const TrustStore> trust_;
  const size_t remembered_max_;
  Goods goods_;  // most recently used first
  std::map<Sha256, Goods::iterator> index_;
  uint64_t hits_ = 0;
};

}  // namespace sluice::tls
