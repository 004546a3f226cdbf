#pragma once
// TunnelAttempt: one try to reach one PoP: resolve, connect, TLS, and the first answer through HTTP/2. Only that answer
// shows that the PoP took our certificate: a TLS 1.3 client believes itself connected before the server has looked.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/drive/dialer.h"
#include "proxy/drive/tunnel.h"
#include "proxy/tls/context.h"
#include "proxy/tls/resumption.h"

namespace sluice::drive {

class TunnelAttempt;

// What all attempts of one client share; outlives them.
struct TunnelWorkshop {
  net::Loop& loop;
  net::Resolver& resolver;
  std::vector<uint8_t> ciphertext;  // scratch
  std::vector<uint8_t> plaintext;   // scratch
};

class AttemptHandler {
 public:
  // take() the tunnel, or it goes with the attempt. The attempt must not be destroyed before this returns.
  virtual void on_attempt_up(TunnelAttempt& attempt) = 0;
  virtual void on_attempt_failed(TunnelAttempt& attempt) = 0;

 protected:
  virtual ~AttemptHandler() = default;
};

// Owned by its TunnelClient; one loop.
class TunnelAttempt final : public DialHandler, private net::StreamHandler, private net::Timer, public TunnelOwner {
 public:
  struct Target {
    size_t pop = 0;  // its place in the list
    wire::Authority authority;
    std::optional<tls::Resumption> resume;
  };

  TunnelAttempt(TunnelWorkshop& workshop, Target target, std::shared_ptr<const DialSettings> dial,
                const tls::ClientContext& context, AttemptHandler& handler);
  ~TunnelAttempt() override = default;
  void start(base::Time deadline);  // may answer before it returns

  size_t pop() const { return target_.pop; }
  bool over() const { return over_; }
  base::Time started() const { return started_; }
  // Up: its owner from now on.
  std::unique_ptr<Tunnel> take(TunnelOwner& owner);
  const std::string& problem() const { return problem_; }  // of a failure, one sentence

 private:
  void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) override;
  void on_stream(net::Stream& stream) override;
  void on_timer() override;
  void on_tunnel_requests(Tunnel&) override {}
  void on_tunnel_ended(Tunnel& tunnel) override;
  void on_tunnel_news(Tunnel& tunnel) override;
  void fail(std::string problem);

  TunnelWorkshop& workshop_;
  Target target_;
  std::shared_ptr<const DialSettings> dial_settings_;
  tls::ClientContext context_;
  AttemptHandler& handler_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<TlsStream> connection_;
  std::unique_ptr<Tunnel> tunnel_;
  std::string problem_;
  base::Time started_{};
  bool over_ = false;
};

}  // namespace sluice::drive
