#pragma once
// What the sessions of one listener, or towards one kind of server, have in common. OpenSSL stays behind the pointers.
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/tls/digest.h"
#include "proxy/tls/revocations.h"
#include "proxy/tls/ticket_keys.h"

namespace sluice::tls {

enum class Version : uint16_t { kTls12 = 0x0303, kTls13 = 0x0304 };

struct ServerOptions {
  std::string certificate;  // PEM file, leaf first, its chain behind; "": each session brings its own leaf
  std::string key;          // PEM file
  std::string client_ca;    // PEM file; unless "", a client certificate that chains to it is required
  Version minimum = Version::kTls13;
  Version maximum = Version::kTls13;
  std::vector<std::string> alpn;                   // by preference; a client that offers only others hears an alert
  std::shared_ptr<TicketKeys> tickets;             // null: sessions do not resume
  std::shared_ptr<const Revocations> revocations;  // of client certificates; null: none
};

// Immutable; a handle that is cheap to copy. Any thread may make sessions from it, but OpenSSL's counters are shared:
// one per worker is faster. Sessions keep what they need alive.
class ServerContext {
 public:
  // Blocking (reads files). An error names the file.
  static base::Result<ServerContext> make(const ServerOptions& options);

  struct State;
  const std::shared_ptr<const State>& state() const { return state_; }

 private:
  explicit ServerContext(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

struct ClientOptions {
  enum class Verify : uint8_t {
    kChainAndName,  // chains to `trust`, valid now, and for the name asked for
    kPins,          // the public key is one of `pins`; nothing else is looked at
    kDeferred,      // anything passes; who holds the session judges peer_chain() before sending a byte
  };
  Verify verify = Verify::kChainAndName;
  std::string trust;         // PEM file of CAs; "": those of the system
  std::vector<Sha256> pins;  // SHA-256 of SubjectPublicKeyInfo in DER
  std::string certificate;   // PEM file, leaf first, shown to servers that ask; "": none
  std::string key;           // PEM file
  Version minimum = Version::kTls13;
  Version maximum = Version::kTls13;
  std::vector<std::string> alpn;  // by preference; a session may offer others
  bool ask_for_ocsp = false;      // that servers staple an OCSP response
};

// As ServerContext.
class ClientContext {
 public:
  static base::Result<ClientContext> make(const ClientOptions& options);

  struct State;
  const std::shared_ptr<const State>& state() const { return state_; }

 private:
  explicit ClientContext(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace sluice::tls
