#pragma once
// FlowTls: both TLS ends of one flow that is decrypted: it turns the driver's streams into what is inside them, and
// takes the handshakes on in turns.
#include <memory>

#include "proxy/drive/handshake_queue.h"
#include "proxy/drive/interception.h"
#include "proxy/drive/tls_stream.h"
#include "proxy/flow/io.h"

namespace sluice::drive {

class FlowTlsOwner {
 public:
  // A handshake has ended, after so long: OriginSecured or ClientSecured.
  virtual void on_secured(flow::Side side, flow::Input result, base::Duration took) = 0;

 protected:
  virtual ~FlowTlsOwner() = default;
};

// Made for the first handshake; lives as long as its driver, which owns the streams and says when one is given up.
class FlowTls final : private HandshakeQueue::Waiting {
 public:
  FlowTls(std::shared_ptr<Interception> interception, HandshakeQueue& queue, FlowTlsOwner& owner)
      : interception_(std::move(interception)), queue_(queue), owner_(owner) {}
  ~FlowTls() override { queue_.leave(*this); }

  // The stream to use from now on; on_secured() answers, not from here.
  std::unique_ptr<net::Stream> secure_origin(std::unique_ptr<net::Stream> carrier, const flow::SecureOrigin& wanted);
  // Null and `carrier` untouched where there is no certificate to show: nothing answers then.
  std::unique_ptr<net::Stream> secure_client(std::unique_ptr<net::Stream>& carrier, flow::SecureClient wanted);

  // Something came on a stream whose handshake goes on.
  void look();
  // The origin's stream is about to be destroyed.
  void origin_goes();
  // All streams are.
  void stop();
  // Nothing is under way: gives buffers back.
  void rest();
  // Keeps what the origin gave for the next connection.
  void keep_sessions();
  // The client's stream, once it is secured or being so; null before and at the end.
  TlsStream* client() { return client_; }
  TlsStream* origin() { return origin_ ? &origin_->stream() : nullptr; }

 private:
  void on_handshake_turn() override;

  std::shared_ptr<Interception> interception_;
  HandshakeQueue& queue_;
  FlowTlsOwner& owner_;
  std::unique_ptr<OriginTls> origin_;
  TlsStream* client_ = nullptr;
  bool securing_origin_ = false;
  bool securing_client_ = false;
  base::Time origin_since_{};
  base::Time client_since_{};
};

}  // namespace sluice::drive
