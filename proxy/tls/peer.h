#pragma once
// What the other side's certificate says, as plain values.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/tls/digest.h"
#include "proxy/tls/identity.h"

namespace sluice::tls {

struct PeerCertificate {
  std::string subject;            // "C = DE, CN = a.example"
  std::string issuer;             // likewise
  std::string serial;             // upper-case hex digits, as `openssl x509 -serial` prints them
  base::WallTime not_before{};    // the epoch when unreadable
  base::WallTime not_after{};     // likewise
  std::vector<std::string> uris;  // of the subjectAltName, in order
  Sha256 fingerprint{};           // of the whole certificate in DER

  // The device that it was issued to: the one and only URI, when it is such an identity (tls/identity.h).
  std::optional<DeviceIdentity> device() const {
    return uris.size() == 1 ? parse_identity(uris.front()) : std::nullopt;
  }
};

// The first certificate of a PEM text, which somebody else has verified.
base::Result<PeerCertificate> parse_peer_certificate(std::string_view pem);

}  // namespace sluice::tls
