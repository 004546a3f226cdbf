#pragma once
// Keys and certificates as owned values, made and written as PEM. OpenSSL stays behind the pointers.
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/time.h"

namespace sluice::tls {

// A certificate and its private key. Owns both; movable; one thread at a time. Does not print its key.
class Identity {
 public:
  // What stands in a new certificate.
  struct Form {
    enum class Kind : uint8_t { kRootOfRoots, kRoot, kIssuing, kServer, kClient };
    Kind kind = Kind::kServer;  // kRootOfRoots may sign one level of CAs, kRoot and kIssuing only leaves
    std::string common_name;
    std::string alternative_names;  // OpenSSL's spelling "DNS:a.example,IP:192.0.2.1"; "" for none
    base::WallTime not_before{};
    base::WallTime not_after{};
  };

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

  // A new ECDSA P-256 key and a certificate for it with a random serial, signed by `issuer`, or by itself when null.
  static base::Result<Identity> make(const Form& form, const Identity* issuer);
  // From PEM; the key must belong to the certificate. `name` begins the errors. Encrypted keys are an error.
  static base::Result<Identity> from_pem(std::string_view certificate, std::string_view key, const std::string& name);

  std::string certificate_pem() const;
  std::string key_pem() const;
  base::WallTime not_after() const;

 private:
  struct State;
  explicit Identity(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::tls
