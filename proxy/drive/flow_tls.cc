#include "proxy/drive/flow_tls.h"

#include <utility>

namespace sluice::drive {

std::unique_ptr<net::Stream> FlowTls::secure_origin(std::unique_ptr<net::Stream> carrier,
                                                    const flow::SecureOrigin& wanted) {
  origin_ = Interception::connect(interception_, std::move(carrier), wanted);
  securing_origin_ = true;
  queue_.join(*this);  // sends the ClientHello
  return origin_->take_stream();
}

std::unique_ptr<net::Stream> FlowTls::secure_client(std::unique_ptr<net::Stream>& carrier, flow::SecureClient wanted) {
  auto session = interception_->accept(wanted, origin_.get());
  if (!session) return nullptr;
  auto stream = std::make_unique<TlsStream>(std::move(carrier), std::move(*session), interception_->scratch(),
                                            std::move(wanted.held));
  client_ = stream.get();
  securing_client_ = true;
  queue_.join(*this);
  return stream;
}

void FlowTls::look() {
  const bool due =
      (securing_origin_ && origin_->stream().handshake_due()) || (securing_client_ && client_->handshake_due());
  if (due) queue_.join(*this);
}

void FlowTls::on_handshake_turn() {
  using State = TlsStream::Handshake;
  if (securing_origin_ && origin_->stream().handshake() != State::kGoingOn) {
    securing_origin_ = false;
    owner_.on_secured(origin_->outcome(base::wall_now()));
  }
  if (securing_client_ && client_->handshake() != State::kGoingOn) {
    securing_client_ = false;
    owner_.on_secured(flow::ClientSecured{handshake_of(client_->session()), true});
  }
}

void FlowTls::keep_sessions() {
  if (origin_) origin_->keep_sessions();
}

void FlowTls::origin_goes() {
  keep_sessions();
  origin_.reset();
  securing_origin_ = false;
}

void FlowTls::stop() {
  origin_goes();
  client_ = nullptr;
  securing_client_ = false;
  queue_.leave(*this);
}

}  // namespace sluice::drive
