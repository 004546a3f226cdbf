#pragma once
// Session: one TLS connection without a socket. Ciphertext in, plaintext out, and the other way round.
//
//   client: connect(), send output()          server: accept()
//   bytes from the socket:  read(ciphertext, plaintext) until `consumed` is everything
//   bytes for the peer:     write(plaintext)
//   after any call:         send output(), then consume_output()
//   FIN from the socket:    transport_ended()      our FIN: end_write(), send output(), then shut the socket down
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/tls/context.h"
#include "proxy/tls/peer.h"
#include "proxy/tls/peer_chain.h"
#include "proxy/tls/resumption.h"

namespace sluice::tls {

class Leaf;

// Why a session failed. `text` is for a person; programs branch on the rest.
struct Failure {
  enum class Kind : uint8_t {
    kPeerAlert,    // the peer gave up and said `alert` (0, close_notify: it went away in the middle of the handshake)
    kProtocol,     // the peer broke the protocol or shares no version, cipher or ALPN with us; we said `alert`
    kCertificate,  // we refused the peer's certificate for `fault`, and said `alert`
    kTruncated,    // the connection ended without close_notify
  };
  enum class Fault : uint8_t {
    kNone,
    kMissing,
    kExpired,
    kNotYetValid,
    kUntrusted,  // no chain to a CA that we trust
    kRevoked,
    kName,  // not for the name we asked for
    kPin,   // none of the pinned keys
    kOther,
  };
  Kind kind = Kind::kProtocol;
  Fault fault = Fault::kNone;
  uint8_t alert = 0;  // RFC 8446 section 6; 0 when none was exchanged
  std::string text;
};

// What both sides agreed on; complete once the handshake is.
struct Negotiated {
  uint16_t version = 0;  // 0x0304 = TLS 1.3
  std::string cipher;    // "TLS_AES_128_GCM_SHA256"
  std::string alpn;      // "" when none
  std::string sni;       // as the client sent it, "" when it did not
  bool resumed = false;
};

struct AcceptParameters {
  const Leaf* leaf = nullptr;  // the certificate to show, only looked at here; required when the context has none
  std::optional<std::vector<std::string>> alpn;  // instead of the context's; empty: none is taken
  std::string scope;  // tickets resume only where the same was said, besides the context's own bounds
};

struct ConnectParameters {
  std::string server_name;  // goes into SNI unless it is an IP address; what the certificate must be for
  std::optional<std::vector<std::string>> alpn;  // instead of the context's; empty: none is offered
  std::optional<Resumption> resume;              // skipped when it has lapsed or is of another name
};

// Lives with its connection; movable; one thread at a time. Never blocks, never throws, performs no I/O. Memory: one
// record inside OpenSSL while it is incomplete, and at most output_bytes_max + output_extra_bytes_max of output.
class Session {
 public:
  //                 ┌───────── close_notify received ────────> kReadEnded ──── end_write() ────┐
  // kHandshaking ─> kOpen                                                                     ├─> kClosed
  //      │          └───────────── end_write() ──────────────> kWriteEnded ── close_notify ────┘
  //      └─ any but kClosed: alert, bad record, refused certificate, transport_ended() too early ─> kFailed
  enum class State : uint8_t { kHandshaking, kOpen, kReadEnded, kWriteEnded, kClosed, kFailed };

  struct Read {
    enum class Stop : uint8_t {
      kNeedsInput,     // all ciphertext was taken
      kPlaintextFull,  // call again, also when no ciphertext is left
      kOutputFull,     // send output() first
      kEnded,          // close_notify came; nothing behind it is read
      kFailed,         // see failure(); output() may hold our alert
    };
    size_t consumed = 0;  // of the ciphertext; keep the rest for the next call
    size_t produced = 0;  // of the plaintext
    Stop stop = Stop::kNeedsInput;
  };

  struct Written {
    enum class Stop : uint8_t {
      kAll,          // everything was taken
      kHandshaking,  // not yet
      kOutputFull,   // send output() first
      kEnded,        // after end_write()
      kFailed,
    };
    size_t accepted = 0;
    Stop stop = Stop::kAll;
  };

  // The other side speaks first.
  static Session accept(const ServerContext& context, const AcceptParameters& parameters = {});
  // output() holds the ClientHello.
  static Session connect(const ClientContext& context, const ConnectParameters& parameters);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // Decrypts, or goes on with the handshake; an empty `plaintext` does only the latter. Takes whole records, or the
  // beginning of one when no more has come. The rest of `ciphertext` stays the caller's.
  Read read(base::ByteView ciphertext, std::span<uint8_t> plaintext);
  // Encrypts into output().
  Written write(base::ByteView plaintext);
  // Sends close_notify: no more plaintext from us, the peer may go on. Nothing in states where nothing can be ended.
  void end_write();
  // The connection ended: nothing more will be read. Too early is a failure (kTruncated).
  void transport_ended();

  // Ciphertext to send, valid until the next call.
  base::ByteView output() const;
  void consume_output(size_t count);

  State state() const;
  const Failure* failure() const;  // not null when kFailed

  // After the handshake; SNI on the server's side from the ClientHello on.
  Negotiated negotiated() const;
  std::optional<PeerCertificate> peer_certificate() const;
  // Client: what the server showed, now or when the session that resumed was made.
  std::optional<PeerChain> peer_chain() const;
  // Client: the server asked for a certificate.
  bool client_certificate_requested() const;
  // Client: tickets that came since the last call, newest last.
  std::vector<Resumption> take_resumptions();

  // Gives back OpenSSL's record buffers when nothing is in them; for connections that fall idle.
  void release_buffers();

  struct Engine;
  // For tls/ itself.
  const Engine& engine() const { return *engine_; }

 private:
  explicit Session(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace sluice::tls
