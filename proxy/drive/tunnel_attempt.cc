#include "proxy/drive/tunnel_attempt.h"

#include <utility>

namespace sluice::drive {

TunnelAttempt::TunnelAttempt(TunnelWorkshop& workshop, Target target, std::shared_ptr<const DialSettings> dial,
                             const tls::ClientContext& context, AttemptHandler& handler)
    : workshop_(workshop),
      target_(std::move(target)),
      dial_settings_(std::move(dial)),
      context_(context),
      handler_(handler) {}

void TunnelAttempt::start(base::Time deadline) {
  started_ = workshop_.loop.now();
  workshop_.loop.timers().arm(*this, deadline);
  dialer_ = std::make_unique<Dialer>(workshop_.loop, workshop_.resolver, dial_settings_, target_.authority, *this);
  dialer_->start();
}

void TunnelAttempt::on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) {
  if (stream == nullptr) return fail(std::move(result.detail));
  tls::ConnectParameters parameters;
  parameters.server_name = target_.authority.host;
  parameters.alpn = {"h2"};
  parameters.resume = target_.resume;
  connection_ =
      std::make_unique<TlsStream>(std::move(stream), tls::Session::connect(context_, parameters), workshop_.ciphertext);
  connection_->set_handler(*this);
  on_stream(*connection_);
}

void TunnelAttempt::on_stream(net::Stream&) {
  if (over_ || connection_ == nullptr) return;
  switch (connection_->handshake()) {
    case TlsStream::Handshake::kGoingOn: return;
    case TlsStream::Handshake::kFailed: {
      const tls::Failure* failure = connection_->session().failure();
      return fail(failure != nullptr ? failure->text : "The connection ended during the TLS handshake.");
    }
    case TlsStream::Handshake::kDone: break;
  }
  if (connection_->session().negotiated().alpn != "h2") return fail("The server speaks no HTTP/2: it is no PoP.");
  tunnel_ = std::make_unique<Tunnel>(workshop_.loop, std::move(connection_),
                                     http::TunnelSession::Options{http::TunnelSession::Role::kClient, 0},
                                     workshop_.plaintext, *this);
}

void TunnelAttempt::on_timer() {
  fail("The PoP did not answer in time.");
}

void TunnelAttempt::on_tunnel_ended(Tunnel& tunnel) {
  const tls::Failure* failure = tunnel.connection().session().failure();
  fail(failure != nullptr ? failure->text : "The PoP closed the tunnel at once.");
}

void TunnelAttempt::on_tunnel_news(Tunnel& tunnel) {
  if (over_) return;
  if (tunnel.session().draining()) return fail("The PoP takes no new tunnels: it is being stopped.");
  if (!tunnel.session().round_trip()) return;
  over_ = true;
  workshop_.loop.timers().disarm(*this);
  handler_.on_attempt_up(*this);
}

std::unique_ptr<Tunnel> TunnelAttempt::take(TunnelOwner& owner) {
  tunnel_->set_owner(owner);
  return std::move(tunnel_);
}

void TunnelAttempt::fail(std::string problem) {
  if (std::exchange(over_, true)) return;
  problem_ = std::move(problem);
  workshop_.loop.timers().disarm(*this);
  handler_.on_attempt_failed(*this);
}

}  // namespace sluice::drive
