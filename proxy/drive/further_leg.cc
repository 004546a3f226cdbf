#include "proxy/drive/further_leg.h"

#include <utility>

#include "proxy/base/assert.h"

namespace sluice::drive {

void FurtherLeg::dial(std::unique_ptr<Dialling> dialling) {
  hang_up();
  dialling_ = std::move(dialling);
  dialling_->start();
}

void FurtherLeg::secure(std::shared_ptr<Interception> interception, HandshakeQueue& queue,
                        const flow::SecureOrigin& wanted) {
  SLUICE_ASSERT(end_.stream != nullptr);
  FlowTlsOwner& owner = *this;
  if (!tls_) tls_ = std::make_unique<FlowTls>(std::move(interception), queue, owner);
  end_.stream = tls_->secure_origin(std::move(end_.stream), wanted);
  end_.stream->set_handler(*this);
}

// Called from FlowTls too, which therefore stays.
void FurtherLeg::hang_up() {
  dialling_.reset();
  if (tls_) tls_->stop();
  if (end_.stream && end_.abort) end_.stream->reset_on_close();
  end_ = {};
}

void FurtherLeg::on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) {
  if (stream) {
    stream->set_handler(*this);
    end_.stream = std::move(stream);
  }
  result.leg = index_;
  owner_.on_leg_input(std::move(result));
}

void FurtherLeg::on_stream(net::Stream&) {
  if (tls_) tls_->look();
  owner_.on_leg_ready();
}

void FurtherLeg::on_secured(flow::Side, flow::Input result, base::Duration took) {
  owner_.on_leg_handshake(took);
  std::get<flow::OriginSecured>(result).leg = index_;
  owner_.on_leg_input(std::move(result));
}

}  // namespace sluice::drive
