#include "proxy/tls/context.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/file.h"
#include "proxy/tls/engine.h"
#include "proxy/tls/issuing_ca_state.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/ticket_key_access.h"

namespace sluice::tls {

namespace {

using Engine = Session::Engine;

// AES-128 first: ten rounds instead of fourteen for every byte, and SHA-256 in the handshake.
constexpr const char* tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr long ticket_lifetime_s = 8 * 3600;

// Of the certificate of a client that is about to resume: what the full handshake would look at again.
bool still_counts(const ServerContext::State& state, const X509* certificate) {
  if (certificate == nullptr) return true;
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) return false;
  return state.revocations == nullptr || !state.revocations->contains(serial_of(X509_get0_serialNumber(certificate)));
}

extern "C" {

void on_info(const SSL* ssl, int where, int value) {
  if ((where & SSL_CB_ALERT) == 0) return;
  const auto level = static_cast<uint8_t>(value >> 8);
  const auto description = static_cast<uint8_t>(value & 0xff);
  if (level != SSL3_AL_FATAL) return;
  Engine& engine = Engine::of(ssl);
  ((where & SSL_CB_READ) != 0 ? engine.alert_received : engine.alert_sent) = description;
}

int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_bytes, const unsigned char* offered,
            unsigned offered_bytes, void*) {
  const Engine& engine = Engine::of(ssl);
  const AlpnWire& ours = engine.alpn ? *engine.alpn : engine.server->alpn;
  if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
  // `chosen` will point into `ours` or `offered`; OpenSSL copies it.
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, chosen_bytes, ours.data(), static_cast<unsigned>(ours.size()),
                                           offered, offered_bytes);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                  int encrypt) {
  return TicketKeyAccess::use(*Engine::of(ssl).server->tickets, name, iv, cipher, mac, encrypt == 1, base::time_now());
}

SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, size_t, SSL_TICKET_STATUS status,
                            void*) {
  switch (status) {
    case SSL_TICKET_SUCCESS:
    case SSL_TICKET_SUCCESS_RENEW:
      if (!still_counts(*Engine::of(ssl).server, SSL_SESSION_get0_peer(session))) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;  // the full handshake will say why
      }
      // TLS 1.3 tickets are used once: without a new one every second handshake would be a full one.
      return status == SSL_TICKET_SUCCESS && SSL_version(ssl) < TLS1_3_VERSION ? SSL_TICKET_RETURN_USE
                                                                               : SSL_TICKET_RETURN_USE_RENEW;
    default: return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
}

int on_client_certificate(int ok, X509_STORE_CTX* store) {
  if (ok != 1 || X509_STORE_CTX_get_error_depth(store) != 0) return ok;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (still_counts(*Engine::of(ssl).server, X509_STORE_CTX_get_current_cert(store))) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
  return 0;
}

int on_pinned_certificate(X509_STORE_CTX* store, void* argument) {
  const auto& state = *static_cast<const ClientContext::State*>(argument);
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate != nullptr && std::ranges::find(state.pins, public_key_hash(certificate)) != state.pins.end())
    return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int on_deferred_certificate(X509_STORE_CTX*, void*) {
  return 1;
}

int on_certificate_request(SSL* ssl, void*) {
  Engine::of(ssl).client_certificate_requested = true;
  return 1;
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  Engine& engine = Engine::of(ssl);
  auto state = std::make_shared<Resumption::State>();
  state->session.reset(session);  // ours from here on
  state->server_name = engine.server_name;
  state->single_use = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
  // A server that says nothing gets the time that OpenSSL gives sessions.
  const auto hint = static_cast<long>(SSL_SESSION_get_ticket_lifetime_hint(session));
  state->valid_until = base::WallTime{
      std::chrono::seconds(SSL_SESSION_get_time(session) + (hint > 0 ? hint : SSL_SESSION_get_timeout(session)))};
  // A resumed session is not verified again, so it must not outlive what was verified.
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto not_after = wall_time_of(X509_get0_notAfter(sk_X509_value(chain, i)));
    if (not_after && engine.client->verify == ClientOptions::Verify::kChainAndName) {
      state->valid_until = std::min(state->valid_until, *not_after);
    }
  }
  if (engine.resumptions.size() == tickets_per_session_max) engine.resumptions.erase(engine.resumptions.begin());
  engine.resumptions.emplace_back(std::move(state));
  return 1;
}

}  // extern "C"

std::string why_bad_alpn(const std::vector<std::string>& names) {
  if (names.size() > alpn_names_max) return "more than " + std::to_string(alpn_names_max) + " ALPN names";
  for (const std::string& name : names) {
    if (name.empty() || name.size() > alpn_name_bytes_max) return "an ALPN name must have 1 to 255 bytes";
  }
  return "";
}

base::Result<SslContextPtr> new_context(const SSL_METHOD* method, Version minimum, Version maximum) {
  SslContextPtr context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), static_cast<int>(minimum)) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), static_cast<int>(maximum)) != 1) {
    return failed("cannot set up TLS");
  }
  // Partial writes never happen by our own sizes; a moving buffer does.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  // Our order counts where we are the server, but a client without AES in hardware keeps its ChaCha20.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  if (SSL_CTX_set_ciphersuites(context.get(), tls13_ciphers) != 1) return failed("cannot set up TLS");
  SSL_CTX_set_max_cert_list(context.get(), peer_chain_bytes_max);
  SSL_CTX_set_info_callback(context.get(), on_info);
  SSL_CTX_set_read_ahead(context.get(), 0);  // so that nothing behind close_notify is swallowed
  return context;
}

base::Status use_certificate(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
  const auto certificates = read_certificates(certificate_file);
  if (!certificates) return certificates.error();
  const auto key = read_key(key_file);
  if (!key) return key.error();
  if (X509_check_private_key(certificates->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return base::Error{key_file + ": is not the key of " + certificate_file};
  }
  if (SSL_CTX_use_certificate(context, certificates->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1) {
    return failed(certificate_file + ": cannot be used");
  }
  for (size_t i = 1; i < certificates->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*certificates)[i].get()) != 1) {
      return failed(certificate_file + ": certificate " + std::to_string(i + 1) + " cannot be used");
    }
  }
  return base::Unit{};
}

base::Status name_to_clients(SSL_CTX* context, const std::string& file) {
  const auto certificates = read_certificates(file);
  if (!certificates) return certificates.error();
  for (const CertificatePtr& certificate : *certificates) {
    if (SSL_CTX_add_client_CA(context, certificate.get()) != 1) return failed(file + ": cannot be used");
  }
  return base::Unit{};
}

// Sessions resume only where certificate and client CA are the same.
base::Result<Sha256> id_of(const ServerOptions& options) {
  std::string all;
  for (const std::string& file : {options.certificate, options.client_ca}) {
    if (!file.empty()) {
      const auto text = base::read_file(file, pem_file_bytes_max);
      if (!text) return text.error();
      all += *text;
    }
    all += '\n';
  }
  return sha256(base::as_bytes(all));
}

void allow_tickets(SSL_CTX* context, bool allowed) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets carry everything
  if (!allowed) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  SSL_CTX_set_timeout(context, ticket_lifetime_s);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key);
  SSL_CTX_set_session_ticket_cb(context, nullptr, on_ticket, nullptr);
}

}  // namespace

AlpnWire alpn_wire(const std::vector<std::string>& names) {
  AlpnWire wire;
  for (const std::string& name : names) {
    wire.push_back(static_cast<unsigned char>(name.size()));
    wire.insert(wire.end(), name.begin(), name.end());
  }
  return wire;
}

base::Result<ServerContext> ServerContext::make(const ServerOptions& options) {
  if (const std::string why = why_bad_alpn(options.alpn); !why.empty()) return base::Error{why};
  auto context = new_context(TLS_server_method(), options.minimum, options.maximum);
  if (!context) return context.error();
  auto state = std::make_shared<State>();
  state->context = std::move(*context);
  SSL_CTX* ctx = state->context.get();
  if (!options.certificate.empty()) {
    const auto status = use_certificate(ctx, options.certificate, options.key);
    if (!status) return status.error();
    state->has_certificate = true;
  }
  if (!options.client_ca.empty()) {
    const auto status = trust_file(SSL_CTX_get_cert_store(ctx), options.client_ca);
    if (!status) return status.error();
    const auto named = name_to_clients(ctx, options.client_ca);
    if (!named) return named.error();
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_client_certificate);
  }
  const auto id = id_of(options);
  if (!id) return id.error();
  state->id = *id;
  state->alpn = alpn_wire(options.alpn);
  state->tickets = options.tickets;
  state->revocations = options.revocations;
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, nullptr);
  allow_tickets(ctx, options.tickets != nullptr);
  return ServerContext(std::move(state));
}

base::Result<ClientContext> ClientContext::make(const ClientOptions& options) {
  if (const std::string why = why_bad_alpn(options.alpn); !why.empty()) return base::Error{why};
  auto context = new_context(TLS_client_method(), options.minimum, options.maximum);
  if (!context) return context.error();
  auto state = std::make_shared<State>();
  state->context = std::move(*context);
  SSL_CTX* ctx = state->context.get();
  if (!options.certificate.empty()) {
    const auto status = use_certificate(ctx, options.certificate, options.key);
    if (!status) return status.error();
  }
  state->verify = options.verify;
  state->pins = options.pins;
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  switch (options.verify) {
    case ClientOptions::Verify::kChainAndName: {
      const auto status = options.trust.empty() ? trust_system(SSL_CTX_get_cert_store(ctx))
                                                : trust_file(SSL_CTX_get_cert_store(ctx), options.trust);
      if (!status) return status.error();
      X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx),
                                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      break;
    }
    case ClientOptions::Verify::kPins:
      if (options.pins.empty()) return base::Error{"no pinned key is given, so no server could be right"};
      SSL_CTX_set_cert_verify_callback(ctx, on_pinned_certificate, state.get());
      break;
    case ClientOptions::Verify::kDeferred:
      SSL_CTX_set_cert_verify_callback(ctx, on_deferred_certificate, nullptr);
      break;
  }
  state->alpn = alpn_wire(options.alpn);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_new_session);
  SSL_CTX_set_cert_cb(ctx, on_certificate_request, nullptr);
  if (options.ask_for_ocsp) SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
  return ClientContext(std::move(state));
}

}  // namespace sluice::tls
