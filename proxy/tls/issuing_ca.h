#pragma once
// IssuingCa: who signs the certificates that clients see on decrypted connections.
#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/tls/digest.h"

namespace sluice::tls {

// A CA certificate, its key, and the chain to send. Immutable; any thread. Does not print its key.
class IssuingCa {
 public:
  struct Files {
    std::string certificate;  // PEM; a CA that may sign certificates
    std::string key;          // PEM; readable by its owner only
    std::string chain;        // PEM, from the CA's issuer upwards; "": none. Roots in it are not sent
  };
  // Blocking. An error names the file and what would be right.
  static base::Result<std::shared_ptr<const IssuingCa>> load(const Files& files, base::WallTime now);
  // A CA that nobody trusts, with a key that lives as long as the object: it signs what shall look wrong.
  static base::Result<std::shared_ptr<const IssuingCa>> make_untrusted(base::WallTime now);
  ~IssuingCa();

  base::WallTime not_after() const;
  std::string subject() const;

  struct State;
  const State& state() const { return *state_; }

 private:
  explicit IssuingCa(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

// SHA-256 of the public key (SubjectPublicKeyInfo) of the first certificate of a PEM file: to pin it, or to see that
// two CAs share a key.
base::Result<Sha256> public_key_hash(const std::string& certificate_file);

}  // namespace sluice::tls
