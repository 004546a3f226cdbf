#include "proxy/drive/flow_tls.h"

#include <utility>

namespace sluice::drive {

std::unique_ptr<net::Stream> FlowTls::secure_origin(std::unique_ptr<net::Stream> carrier,
                                                    const flow::SecureOrigin& wanted) {
  origin_ = Interception::connect(interception_, std::move(carrier), wanted);
  securing_origin_ = true;
  origin_since_ = queue_.now();
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
  client_since_ = queue_.now();
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
    owner_.on_secured(flow::Side::kOrigin, origin_->outcome(base::wall_now()), queue_.now() - origin_since_);
  }
  if (securing_client_ && client_->handshake() != State::kGoingOn) {
    securing_client_ = false;
    owner_.on_secured(flow::Side::kClient, flow::ClientSecured{handshake_of(client_->session()), true},
                      queue_.now() - client_since_);
  }
}

void FlowTls::keep_sessions() {
  if (origin_) origin_->keep_sessions();
}

void FlowTls::rest() {
  if (origin_) origin_->stream().session().release_buffers();
  if (client_ != nullptr) client_->session().release_buffers();
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
