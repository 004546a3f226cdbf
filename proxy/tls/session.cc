#include "proxy/tls/session.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/tls/engine.h"
#include "proxy/tls/leaf_state.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/peer_chain_state.h"

namespace sluice::tls {

namespace {

using Kind = Failure::Kind;
using Fault = Failure::Fault;

Fault fault_of(long verify_result) {
  switch (verify_result) {
    case X509_V_OK: return Fault::kNone;
    case X509_V_ERR_CERT_HAS_EXPIRED: return Fault::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return Fault::kNotYetValid;
    case X509_V_ERR_CERT_REVOKED: return Fault::kRevoked;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return Fault::kName;
    case X509_V_ERR_APPLICATION_VERIFICATION: return Fault::kPin;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED: return Fault::kUntrusted;
    default: return Fault::kOther;
  }
}

}  // namespace

Session::Engine::~Engine() {
  // Without these flags SSL_free marks the session as not to be resumed, also when only the goodbye was missing.
  const bool refused = state == Session::State::kFailed && failure.kind != Kind::kTruncated;
  if (ssl && !refused) SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void Session::Engine::start(SSL_CTX* context) {
  ssl.reset(SSL_new(context));
  SLUICE_ASSERT(ssl != nullptr);
  SSL_set_app_data(ssl.get(), this);
  BIO* bio = make_transport_bio(transport);
  SSL_set_bio(ssl.get(), bio, bio);
}

void Session::Engine::fail(Failure cause) {
  failure = std::move(cause);
  state = Session::State::kFailed;
}

void Session::Engine::fail_by_library() {
  const unsigned long code = ERR_peek_error();
  const char* reason = ERR_reason_error_string(code);
  Failure cause;
  cause.text = reason == nullptr ? "the TLS library gave up" : reason;
  const long verified = SSL_get_verify_result(ssl.get());
  if (alert_received) {
    cause.kind = Kind::kPeerAlert;
    cause.alert = *alert_received;
    cause.text = std::string("the peer sent alert ") + SSL_alert_desc_string_long(*alert_received);
  } else if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    cause.kind = Kind::kCertificate;
    cause.fault = Fault::kMissing;
  } else if (verified != X509_V_OK) {
    cause.kind = Kind::kCertificate;
    cause.fault = fault_of(verified);
    cause.text = X509_verify_cert_error_string(verified);
  }
  if (!alert_received && alert_sent) cause.alert = *alert_sent;
  ERR_clear_error();
  fail(std::move(cause));
}

void Session::Engine::note(int result) {
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ: return;
    case SSL_ERROR_WANT_WRITE: output_full = true; return;
    case SSL_ERROR_ZERO_RETURN:
      if (state == Session::State::kHandshaking) {
        return fail({Kind::kPeerAlert, Fault::kNone, 0, "the peer went away in the middle of the handshake"});
      }
      state = state == Session::State::kWriteEnded ? Session::State::kClosed : Session::State::kReadEnded;
      return;
    default: return fail_by_library();
  }
}

void Session::Engine::advance_handshake() {
  ERR_clear_error();
  output_full = false;
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    state = Session::State::kOpen;
  } else {
    note(result);
  }
}

Session::Session(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session Session::accept(const ServerContext& context, const AcceptParameters& parameters) {
  auto engine = std::make_unique<Engine>();
  engine->server = context.state();
  engine->start(context.state()->context.get());
  SSL* ssl = engine->ssl.get();
  SSL_set_accept_state(ssl);
  SLUICE_ASSERT(context.state()->has_certificate || parameters.leaf != nullptr);
  if (parameters.leaf != nullptr) {
    const Leaf::State& leaf = parameters.leaf->state();
    SLUICE_ASSERT(SSL_use_cert_and_key(ssl, leaf.certificate.get(), leaf.key.get(), leaf.chain.get(), 1) == 1);
  }
  if (parameters.alpn) engine->alpn = alpn_wire(*parameters.alpn);
  Sha256 id = context.state()->id;
  if (!parameters.scope.empty()) {
    id = sha256(base::as_bytes(std::string(base::as_text(id)) + parameters.scope));
  }
  SLUICE_ASSERT(SSL_set_session_id_context(ssl, id.data(), static_cast<unsigned>(id.size())) == 1);
  return Session(std::move(engine));
}

Session Session::connect(const ClientContext& context, const ConnectParameters& parameters) {
  auto engine = std::make_unique<Engine>();
  engine->client = context.state();
  engine->server_name = parameters.server_name;
  engine->start(context.state()->context.get());
  SSL* ssl = engine->ssl.get();
  SSL_set_connect_state(ssl);
  const std::string& name = parameters.server_name;
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl);
  const bool checked = context.state()->verify == ClientOptions::Verify::kChainAndName;
  bool usable = !checked || !name.empty();
  if (base::IpAddress::parse(name)) {
    if (checked) usable = X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str()) == 1;
  } else if (!name.empty()) {
    usable = SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
    if (usable && checked) usable = X509_VERIFY_PARAM_set1_host(verify, name.data(), name.size()) == 1;
  }
  if (!usable) {
    ERR_clear_error();
    engine->fail({Kind::kProtocol, Fault::kName, 0, "`" + name.substr(0, 80) + "` cannot be the name of a server"});
    return Session(std::move(engine));
  }
  const AlpnWire alpn = parameters.alpn ? alpn_wire(*parameters.alpn) : context.state()->alpn;
  if (!alpn.empty()) SLUICE_ASSERT(SSL_set_alpn_protos(ssl, alpn.data(), static_cast<unsigned>(alpn.size())) == 0);
  if (parameters.resume && parameters.resume->server_name() == name &&
      parameters.resume->valid_until() > base::wall_now()) {
    // One that no longer fits (protocol version, for one) is no error: the handshake is a full one then.
    SSL_set_session(ssl, parameters.resume->state()->session.get());
  }
  engine->advance_handshake();
  return Session(std::move(engine));
}

Session::Read Session::read(base::ByteView ciphertext, std::span<uint8_t> plaintext) {
  Engine& engine = *engine_;
  engine.transport.input = ciphertext;
  engine.output_full = false;
  Read read;
  if (engine.state == State::kHandshaking) engine.advance_handshake();
  while (engine.readable() && !engine.output_full && read.produced < plaintext.size()) {
    ERR_clear_error();
    size_t count = 0;
    const int result =
        SSL_read_ex(engine.ssl.get(), plaintext.data() + read.produced, plaintext.size() - read.produced, &count);
    if (result == 1) {
      read.produced += count;
      continue;
    }
    engine.note(result);
    if (engine.readable()) break;
  }
  read.consumed = ciphertext.size() - engine.transport.input.size();
  engine.transport.input = {};
  using Stop = Read::Stop;
  switch (engine.state) {
    case State::kHandshaking: read.stop = engine.output_full ? Stop::kOutputFull : Stop::kNeedsInput; break;
    case State::kOpen:
    case State::kWriteEnded:
      read.stop = engine.output_full                  ? Stop::kOutputFull
                  : read.produced == plaintext.size() ? Stop::kPlaintextFull
                                                      : Stop::kNeedsInput;
      break;
    case State::kReadEnded:
    case State::kClosed: read.stop = Stop::kEnded; break;
    case State::kFailed: read.stop = Stop::kFailed; break;
  }
  return read;
}

Session::Written Session::write(base::ByteView plaintext) {
  using Stop = Written::Stop;
  Engine& engine = *engine_;
  switch (engine.state) {
    case State::kHandshaking: return {0, Stop::kHandshaking};
    case State::kWriteEnded:
    case State::kClosed: return {0, Stop::kEnded};
    case State::kFailed: return {0, Stop::kFailed};
    case State::kOpen:
    case State::kReadEnded: break;
  }
  OutputBuffer& output = engine.transport.output;
  Written written;
  const size_t room = output.size() < output_bytes_max ? output_bytes_max - output.size() : 0;
  const size_t likely = std::min(plaintext.size(), room);
  if (likely != 0) output.reserve(likely + (likely / record_plaintext_bytes_max + 2) * record_overhead_bytes_max);
  while (written.accepted < plaintext.size()) {
    if (output.size() >= output_bytes_max) {
      written.stop = Stop::kOutputFull;
      break;
    }
    const size_t piece = std::min(plaintext.size() - written.accepted, record_plaintext_bytes_max);
    size_t count = 0;
    ERR_clear_error();
    if (SSL_write_ex(engine.ssl.get(), plaintext.data() + written.accepted, piece, &count) != 1) {
      // The buffer has room for this record by construction, so this is no wait but an end.
      engine.fail_by_library();
      written.stop = Stop::kFailed;
      break;
    }
    written.accepted += count;
  }
  return written;
}

void Session::end_write() {
  Engine& engine = *engine_;
  if (engine.state != State::kOpen && engine.state != State::kReadEnded) return;
  ERR_clear_error();
  const int result = SSL_shutdown(engine.ssl.get());
  if (result < 0) {
    engine.fail_by_library();
    return;
  }
  engine.state = engine.state == State::kOpen ? State::kWriteEnded : State::kClosed;
}

void Session::transport_ended() {
  switch (engine_->state) {
    case State::kReadEnded:
    case State::kClosed:
    case State::kFailed: return;
    case State::kHandshaking:
      return engine_->fail({Kind::kTruncated, Fault::kNone, 0, "the connection ended during the handshake"});
    case State::kOpen:
    case State::kWriteEnded:
      return engine_->fail({Kind::kTruncated, Fault::kNone, 0, "the connection ended without close_notify"});
  }
}

base::ByteView Session::output() const {
  return engine_->transport.output.view();
}

void Session::consume_output(size_t count) {
  engine_->transport.output.consume(count);
}

Session::State Session::state() const {
  return engine_->state;
}

const Failure* Session::failure() const {
  return engine_->state == State::kFailed ? &engine_->failure : nullptr;
}

Negotiated Session::negotiated() const {
  const SSL* ssl = engine_->ssl.get();
  Negotiated result;
  const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (sni != nullptr) result.sni = sni;
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  if (cipher == nullptr) return result;
  result.version = static_cast<uint16_t>(SSL_version(ssl));
  result.cipher = SSL_CIPHER_standard_name(cipher);
  const unsigned char* alpn = nullptr;
  unsigned alpn_bytes = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_bytes);
  if (alpn != nullptr) result.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_bytes);
  result.resumed = SSL_session_reused(ssl) == 1;
  return result;
}

std::optional<PeerCertificate> Session::peer_certificate() const {
  const X509* certificate = SSL_get0_peer_certificate(engine_->ssl.get());
  if (certificate == nullptr) return std::nullopt;
  return peer_certificate_of(certificate);
}

std::optional<PeerChain> Session::peer_chain() const {
  SLUICE_ASSERT(engine_->client != nullptr);
  SSL* ssl = engine_->ssl.get();
  STACK_OF(X509)* shown = SSL_get_peer_cert_chain(ssl);
  if (sk_X509_num(shown) <= 0) return std::nullopt;
  std::vector<CertificatePtr> certificates;
  for (int i = 0; i < sk_X509_num(shown); ++i) {
    X509* certificate = sk_X509_value(shown, i);
    X509_up_ref(certificate);
    certificates.emplace_back(certificate);
  }
  const unsigned char* ocsp = nullptr;
  const long ocsp_bytes = SSL_get_tlsext_status_ocsp_resp(ssl, &ocsp);
  const base::ByteView stapled{ocsp, ocsp_bytes > 0 ? static_cast<size_t>(ocsp_bytes) : 0};
  return PeerChain(std::make_shared<const PeerChain::State>(std::move(certificates), stapled));
}

bool Session::client_certificate_requested() const {
  return engine_->client_certificate_requested;
}

std::vector<Resumption> Session::take_resumptions() {
  return std::exchange(engine_->resumptions, {});
}

void Session::release_buffers() {
  SSL_free_buffers(engine_->ssl.get());
}

base::WallTime Resumption::valid_until() const {
  return state_->valid_until;
}

const std::string& Resumption::server_name() const {
  return state_->server_name;
}

bool Resumption::single_use() const {
  return state_->single_use;
}

}  // namespace sluice::tls
