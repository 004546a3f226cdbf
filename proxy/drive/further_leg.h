#pragma once
// FurtherLeg: one more connection of a flow to its origin, beside the first. A client of HTTP/2 before an origin that
// speaks only HTTP/1.1 has a few.
#include <memory>

#include "proxy/drive/dialer.h"
#include "proxy/drive/flow_end.h"
#include "proxy/drive/flow_tls.h"

namespace sluice::drive {

class FurtherLegOwner {
 public:
  // What the machine must hear, of this leg.
  virtual void on_leg_input(flow::Input input) = 0;
  // Something came, or may be sent, on its stream.
  virtual void on_leg_ready() = 0;
  virtual void on_leg_handshake(base::Duration took) = 0;

 protected:
  virtual ~FurtherLegOwner() = default;
};

// Lives in the flow's driver, which performs the actions for it; used again after it was hung up.
class FurtherLeg final : public DialHandler, private net::StreamHandler, private FlowTlsOwner {
 public:
  FurtherLeg(flow::LegIndex index, FurtherLegOwner& owner) : index_(index), owner_(owner) {}

  void dial(std::unique_ptr<Dialling> dialling);
  void secure(std::shared_ptr<Interception> interception, HandshakeQueue& queue, const flow::SecureOrigin& wanted);
  void hang_up();

  FlowEnd& end() { return end_; }
  FlowTls* tls() { return tls_.get(); }

 private:
  void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) override;
  void on_stream(net::Stream& stream) override;
  void on_secured(flow::Side side, flow::Input result, base::Duration took) override;

  flow::LegIndex index_;
  FurtherLegOwner& owner_;
  FlowEnd end_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<FlowTls> tls_;
};

}  // namespace sluice::drive
