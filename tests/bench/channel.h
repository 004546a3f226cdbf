#pragma once
// A connected socket that speaks in clear or TLS behind one interface. Never blocks; SIGPIPE must be ignored.
#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/socket.h"

namespace sluice::bench {

struct TlsContext {
  std::shared_ptr<SSL_CTX> handle;  // empty: no TLS
  explicit operator bool() const { return handle != nullptr; }
};

// Verifies servers against the certificates in `ca_file`; no session is ever resumed, so each handshake is a full one.
TlsContext client_context(const std::string& ca_file);
TlsContext server_context(const std::string& certificate_file, const std::string& key_file);

class Channel {
 public:
  enum class Outcome {
    kDone,
    kWait,    // nothing moves until the next edge of the socket
    kEnd,     // the other side has finished in order
    kFailed,  // reset, or a TLS error
  };
  struct Moved {
    Outcome outcome;
    size_t bytes;  // zero unless kDone
  };

  Channel() = default;
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  const Fd& socket() const { return socket_; }
  void begin_client_tls(const TlsContext& context, const std::string& server_name);
  void begin_server_tls(const TlsContext& context);
  Outcome handshake();
  Moved read(std::span<char> into);
  // Takes up to `most` bytes without looking at them.
  Moved discard(size_t most);
  Moved write(std::string_view bytes);
  // Says goodbye (close_notify with TLS) and closes.
  void close();

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Moved tls_moved(int result, size_t bytes);

  Fd socket_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace sluice::bench
