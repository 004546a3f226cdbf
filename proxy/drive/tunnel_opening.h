#pragma once
// TunnelOpening: a flow on its way through a tunnel, from the CONNECT to its answer. A tunnel that is lost meanwhile is
// replaced by the next one, within the deadline; so what is sent early must be safe to be sent twice (a ClientHello
// is).
#include <memory>

#include "proxy/drive/dialer.h"
#include "proxy/drive/tunnel_flow.h"

namespace sluice::drive {

class TunnelClient;

// Owned by the flow's driver; its client outlives it.
class TunnelOpening final : public Dialling, private net::StreamHandler, private net::Timer {
 public:
  TunnelOpening(TunnelClient& client, flow::Dial dial, DialHandler& handler);
  ~TunnelOpening() override;
  void start() override;

 private:
  friend class TunnelClient;

  void on_stream(net::Stream& stream) override;
  void on_timer() override;
  // There is a tunnel, or there will be none for now.
  void go_on();
  void answer(const http::Head& head);
  void fail(flow::CloseReason reason, std::string detail, std::string policy = {});

  TunnelClient& client_;
  flow::Dial dial_;
  DialHandler& handler_;
  std::unique_ptr<TunnelFlow> flow_;
  base::Time deadline_{};         // for finding a tunnel
  base::Time answer_deadline_{};  // for the PoP's answer
};

}  // namespace sluice::drive
