#include "proxy/drive/tunnel_flow.h"

#include <utility>

namespace sluice::drive {

using Kind = net::IoResult::Kind;

TunnelFlow::TunnelFlow(Tunnel& tunnel, http::TunnelStream& stream) : tunnel_(&tunnel), stream_(&stream) {
  stream.set_user(*this);
  update();
}

TunnelFlow::~TunnelFlow() {
  if (stream_ == nullptr) return;
  stream_->release(abort_);
  tunnel_->send_soon();
}

void TunnelFlow::on_tunnel_stream(http::TunnelStream&) {
  update();
  changed();
}

void TunnelFlow::on_tunnel_lost() {
  stream_ = nullptr;
  update();
  changed();
}

void TunnelFlow::update() {
  readable_ = !end_told_ && (stream_ == nullptr || stream_->readable());
  writable_ = stream_ != nullptr && stream_->writable();
}

net::IoResult TunnelFlow::read(std::span<uint8_t> into) {
  net::IoResult result;
  if (stream_ != nullptr) {
    result.bytes = stream_->read(into);
    tunnel_->send_soon();  // the peer may have room again
  }
  if (result.bytes > 0) {
    result.kind = Kind::kMoved;
  } else if (!end_told_ && (stream_ == nullptr || stream_->ended() || stream_->reset())) {
    end_told_ = true;
    result.kind = stream_ != nullptr && stream_->ended() ? Kind::kEnded : Kind::kReset;
  }
  update();
  return result;
}

net::IoResult TunnelFlow::write(base::ByteView bytes) {
  if (stream_ == nullptr || stream_->reset() || stream_->refuses_writes()) return {Kind::kReset, 0, 0};
  const size_t moved = stream_->write(bytes);
  if (moved > 0) tunnel_->send_soon();
  update();
  return moved > 0 ? net::IoResult{Kind::kMoved, moved, 0} : net::IoResult{};
}

void TunnelFlow::shutdown_write() {
  if (stream_ == nullptr) return;
  stream_->end_write();
  tunnel_->send_soon();
}

void TunnelFlow::respond(int status, wire::Fields fields) {
  if (stream_ == nullptr) return;
  stream_->respond(status, fields, status >= 300);
  tunnel_->send_soon();
}

const http::Head* TunnelFlow::response() const {
  return stream_ != nullptr && stream_->responded() ? &stream_->head() : nullptr;
}

}  // namespace sluice::drive
