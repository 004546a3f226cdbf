#pragma once
// Tunnel: one HTTP/2 connection over TLS whose streams are flows, at either end. It moves bytes between the connection
// and the session (proxy/http), and hands streams out as net::Stream.
#include <memory>
#include <span>
#include <vector>

#include "proxy/drive/tls_stream.h"
#include "proxy/http/tunnel_session.h"
#include "proxy/net/loop.h"

namespace sluice::drive {

class Tunnel;

class TunnelOwner {
 public:
  // Server: CONNECTs wait in take_request(). Asked once a turn; who leaves some calls send_soon().
  virtual void on_tunnel_requests(Tunnel& tunnel) = 0;
  // The connection is over, or its peer is dead, or it has drained. Its streams hear of it when it is destroyed, which
  // must not happen before this returns.
  virtual void on_tunnel_ended(Tunnel& tunnel) = 0;
  // The peer wants no new streams (GOAWAY), or the first measure of the round trip has come.
  virtual void on_tunnel_news(Tunnel& tunnel) = 0;

 protected:
  virtual ~TunnelOwner() = default;
};

// Owned by its owner; one loop. `plain` is scratch, shared by all tunnels of the loop.
class Tunnel final : private net::StreamHandler, private net::Timer, private net::Ready {
 public:
  Tunnel(net::Loop& loop, std::unique_ptr<TlsStream> connection, const http::TunnelSession::Options& options,
         std::span<uint8_t> plain, TunnelOwner& owner);
  ~Tunnel() override;

  http::TunnelSession& session() { return session_; }
  const TlsStream& connection() const { return *connection_; }
  void set_owner(TunnelOwner& owner) { owner_ = &owner; }
  // Client: tickets for the next tunnel, since the last call.
  std::vector<tls::Resumption> take_resumptions() { return connection_->session().take_resumptions(); }
  // Something was written, answered, released: it leaves before the loop waits again.
  void send_soon() {
    if (!ended_) loop_.soon(*this);
  }
  // Server: GOAWAY; ends when its streams have ended.
  void drain();
  // Client: a flow was put on it; if the peer has been silent, it must show soon that it lives.
  void probe();

 private:
  void on_stream(net::Stream& connection) override;
  void on_timer() override;
  void on_ready() override;

  void receive();
  void send();
  bool write_unsent();
  void check_end();
  base::Duration silence_max() const;
  base::Duration answer_max() const;
  bool waits_for_answer() const { return look_at_ != base::Time{}; }
  void ping();
  void arm();

  net::Loop& loop_;
  std::unique_ptr<TlsStream> connection_;
  http::TunnelSession session_;
  std::span<uint8_t> plain_;
  TunnelOwner* owner_;
  base::Chunk unsent_;          // frames that the connection did not take
  base::Time drain_at_{};       // when the final GOAWAY follows its announcement; 0 = not draining
  bool draining_told_ = false;  // the peer's GOAWAY was told
  bool armed_for_flows_ = false;
  bool round_trip_told_ = false;
  base::Time look_at_{};  // a PING was sent and nothing was heard since: when to look again; 0 = no
  int looks_ = 0;         // in vain
  bool connection_over_ = false;
  bool ended_ = false;  // told
};

}  // namespace sluice::drive
