#include "tests/bench/channel.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace sluice::bench {
namespace {

[[noreturn]] void tls_setup_failed(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context{std::shared_ptr<SSL_CTX>(SSL_CTX_new(method), SSL_CTX_free)};
  if (!context) tls_setup_failed("no TLS context");
  SSL_CTX_set_session_cache_mode(context.handle.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.handle.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

Channel::Moved plain_moved(ssize_t result) {
  if (result > 0) return {Channel::Outcome::kDone, static_cast<size_t>(result)};
  if (result == 0) return {Channel::Outcome::kEnd, 0};
  return {errno == EAGAIN ? Channel::Outcome::kWait : Channel::Outcome::kFailed, 0};
}

}  // namespace

TlsContext client_context(const std::string& ca_file) {
  TlsContext context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context.handle.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context.handle.get(), ca_file.c_str(), nullptr) != 1) {
    tls_setup_failed("cannot read the certificates in '" + ca_file + "'");
  }
  return context;
}

TlsContext server_context(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.handle.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.handle.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    tls_setup_failed("cannot use certificate '" + certificate_file + "' with key '" + key_file + "'");
  }
  return context;
}

void Channel::begin_client_tls(const TlsContext& context, const std::string& server_name) {
  ssl_.reset(SSL_new(context.handle.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1 ||
      SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str()) != 1 ||
      SSL_set1_host(ssl_.get(), server_name.c_str()) != 1) {
    tls_setup_failed("cannot begin TLS to '" + server_name + "'");
  }
  SSL_set_connect_state(ssl_.get());
}

void Channel::begin_server_tls(const TlsContext& context) {
  ssl_.reset(SSL_new(context.handle.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1) tls_setup_failed("cannot begin TLS");
  SSL_set_accept_state(ssl_.get());
  SSL_set_quiet_shutdown(ssl_.get(), 1);  // clients close first; an answer to their goodbye would meet a closed socket
}

Channel::Outcome Channel::handshake() {
  ERR_clear_error();
  return tls_moved(SSL_do_handshake(ssl_.get()), 0).outcome;
}

Channel::Moved Channel::tls_moved(int result, size_t bytes) {
  if (result > 0) return {Outcome::kDone, bytes};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {Outcome::kWait, 0};
    case SSL_ERROR_ZERO_RETURN: return {Outcome::kEnd, 0};
    default: return {Outcome::kFailed, 0};
  }
}

Channel::Moved Channel::read(std::span<char> into) {
  if (!ssl_) return plain_moved(::recv(socket_.get(), into.data(), into.size(), 0));
  ERR_clear_error();
  size_t bytes = 0;
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
  return tls_moved(result, bytes);
}

Channel::Moved Channel::discard(size_t most) {
  if (!ssl_) return plain_moved(::recv(socket_.get(), nullptr, most, MSG_TRUNC));  // TCP: dropped inside the kernel
  static std::array<char, 16 * 1024> record;
  return read(std::span(record).first(std::min(most, record.size())));
}

Channel::Moved Channel::write(std::string_view bytes) {
  if (!ssl_) return plain_moved(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  ERR_clear_error();
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  return tls_moved(result, written);
}

void Channel::close() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ssl_.reset();
  socket_.close();
}

}  // namespace sluice::bench
