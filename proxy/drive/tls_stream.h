#pragma once
// TlsStream: a TLS connection over another stream, as a stream of its plaintext. Ciphertext is moved when plaintext is
// asked for or given; the handshake goes on when its owner says so (handshake()), because it costs more than anything
// else and owners bound how many they do in a turn.
#include <memory>
#include <optional>
#include <span>

#include "proxy/base/chunk.h"
#include "proxy/net/stream.h"
#include "proxy/tls/session.h"

namespace sluice::drive {

// Owned by one object; one loop. `scratch` outlives it and is shared by all TLS streams of the loop.
class TlsStream final : public net::Stream, private net::StreamHandler {
 public:
  enum class Handshake : uint8_t { kGoingOn, kDone, kFailed };

  // `early`: ciphertext that was read from `carrier` already.
  TlsStream(std::unique_ptr<net::Stream> carrier, tls::Session session, std::span<uint8_t> scratch,
            base::Chunk early = {});
  ~TlsStream() override;  // says close_notify, as far as the carrier takes it

  // Goes on as far as it can. Readable and writable only once it is done.
  Handshake handshake();
  // Something has come that the handshake has not seen.
  bool handshake_due() const { return dead_ || !ciphertext_.empty() || carrier_->readable(); }
  const tls::Session& session() const { return session_; }
  tls::Session& session() { return session_; }

  net::IoResult read(std::span<uint8_t> into) override;
  net::IoResult write(base::ByteView bytes) override;
  void shutdown_write() override;
  void reset_on_close() override;
  bool drained() const override { return dead_ || (session_.output().empty() && carrier_->drained()); }
  bool lost() const override { return carrier_->lost(); }

  // The end that was read (kEnded) came without close_notify.
  bool cut() const { return cut_; }
  // Ciphertext read from the carrier since it was taken over, and given to it or waiting for it.
  uint64_t carried_in() const { return carried_in_; }
  uint64_t carried_out() const { return carried_out_ + session_.output().size(); }

 private:
  void on_stream(net::Stream& carrier) override;
  // One step of the session over what there is; nothing when there is nothing new.
  std::optional<tls::Session::Read> step(std::span<uint8_t> plaintext);
  bool send();
  void update();

  std::unique_ptr<net::Stream> carrier_;
  tls::Session session_;
  std::span<uint8_t> scratch_;
  base::Chunk ciphertext_;      // read, not yet taken by the session
  bool more_ = false;           // the session holds plaintext that found no room
  bool carrier_ended_ = false;  // FIN
  bool end_written_ = false;
  bool fin_sent_ = false;
  bool dead_ = false;
  bool cut_ = false;
  bool end_told_ = false;  // a read has said kEnded or kReset
  bool reset_ = false;
  uint64_t carried_in_ = 0;
  uint64_t carried_out_ = 0;
};

}  // namespace sluice::drive
