#pragma once
// What a Session and the contexts hold. Internal to tls/.
#include <optional>
#include <string>
#include <vector>

#include "proxy/tls/context.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/session.h"
#include "proxy/tls/transport.h"

namespace sluice::tls {

// A list of protocol names as RFC 7301 sends it.
using AlpnWire = std::vector<unsigned char>;
AlpnWire alpn_wire(const std::vector<std::string>& names);

struct ServerContext::State {
  SslContextPtr context;
  AlpnWire alpn;
  Sha256 id{};  // of what a session relied on: certificate and client CA
  bool has_certificate = false;
  std::shared_ptr<TicketKeys> tickets;
  std::shared_ptr<const Revocations> revocations;
};

struct ClientContext::State {
  SslContextPtr context;
  AlpnWire alpn;
  ClientOptions::Verify verify = ClientOptions::Verify::kChainAndName;
  std::vector<Sha256> pins;
};

struct Resumption::State {
  SslSessionPtr session;
  std::string server_name;
  base::WallTime valid_until{};
  bool single_use = true;
};

// OpenSSL's callbacks find it by SSL_get_app_data and only note things in it.
struct Session::Engine {
  static Engine& of(const SSL* ssl) { return *static_cast<Engine*>(SSL_get_app_data(ssl)); }
  ~Engine();

  void advance_handshake();
  void start(SSL_CTX* context);
  // Turns the result of the last call on `ssl` into a state; true when the call may be repeated with more input.
  void note(int result);
  void fail(Failure cause);
  void fail_by_library();
  bool readable() const { return state == Session::State::kOpen || state == Session::State::kWriteEnded; }

  std::shared_ptr<const ServerContext::State> server;  // one of these two
  std::shared_ptr<const ClientContext::State> client;
  Transport transport;  // outlives ssl
  SslPtr ssl;
  Session::State state = Session::State::kHandshaking;
  Failure failure;
  bool output_full = false;
  std::optional<uint8_t> alert_sent;
  std::optional<uint8_t> alert_received;
  bool client_certificate_requested = false;
  std::optional<AlpnWire> alpn;  // of a server session, instead of the context's
  std::string server_name;       // of a client session
  std::vector<Resumption> resumptions;
};

}  // namespace sluice::tls
