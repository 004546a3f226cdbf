#pragma once
// Interception: what a worker decrypts with: certificates for clients, trust in origins, and what origins gave us so
// that the next handshake is cheap.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/drive/tls_stream.h"
#include "proxy/flow/io.h"
#include "proxy/tls/cert_minter.h"
#include "proxy/tls/origin_sessions.h"
#include "proxy/tls/verifier.h"

namespace sluice::drive {

// Immutable, shared by all workers; a reload makes new ones.
struct InterceptionParts {
  std::shared_ptr<const tls::IssuingCa> ca;
  std::shared_ptr<const tls::IssuingCa> untrusted;  // signs what is mirrored
  std::shared_ptr<const tls::LeafKeys> keys;
  std::shared_ptr<const tls::TrustStore> trust;
  std::shared_ptr<tls::TicketKeys> tickets;  // of clients
};

class OriginTls;

// One per worker and load of the configuration, on the worker's thread; its flows share it, those that began under an
// older load keep theirs. Performs no I/O of its own.
class Interception {
 public:
  // `scratch` is shared by all TLS of the loop and outlives it.
  static std::shared_ptr<Interception> make(const InterceptionParts& parts, std::span<uint8_t> scratch);

  // A handshake with an origin, resuming an earlier session if there is one. `self` is this object, kept by the stream.
  static std::unique_ptr<OriginTls> connect(std::shared_ptr<Interception> self, std::unique_ptr<net::Stream> carrier,
                                            const flow::SecureOrigin& wanted);
  // The session for a handshake with the client; its first bytes are the ClientHello. `origin`: of the same flow.
  base::Result<tls::Session> accept(const flow::SecureClient& wanted, const OriginTls* origin);
  std::span<uint8_t> scratch() const { return scratch_; }

  const tls::CertMinter::Counters& minted() const { return minter_.counters(); }

 private:
  friend class OriginTls;
  Interception(const InterceptionParts& parts, tls::ServerContext clients, tls::ClientContext origins,
               std::span<uint8_t> scratch);

  tls::ServerContext clients_;
  tls::ClientContext origins_;
  tls::CertMinter minter_;
  tls::Verifier verifier_;
  tls::OriginSessions sessions_;
  std::span<uint8_t> scratch_;
};

// A TLS connection to an origin, and who that is. Owned by the flow's driver.
class OriginTls {
 public:
  OriginTls(std::shared_ptr<Interception> interception, std::unique_ptr<TlsStream> connection, tls::OriginKey key,
            std::optional<tls::OriginVerdict> known);

  // The connection becomes the driver's stream; it is looked at here as long as that lives.
  std::unique_ptr<net::Stream> take_stream() { return std::move(owned_); }
  TlsStream& stream() { return *stream_; }
  const TlsStream& stream() const { return *stream_; }

  // After the handshake. An origin that showed nothing at all has failed.
  flow::OriginSecured outcome(base::WallTime now);
  // Keeps what the origin gave for the next connection, if it gave something since the last call.
  void keep_sessions();

 private:
  std::shared_ptr<Interception> interception_;
  std::unique_ptr<TlsStream> owned_;
  TlsStream* stream_;
  tls::OriginKey key_;
  std::optional<tls::OriginVerdict> verdict_;  // before the handshake: of the session that may resume
  bool judged_ = false;
};

// How a handshake ended, for the machine.
flow::Handshake handshake_of(const tls::Session& session);

}  // namespace sluice::drive
