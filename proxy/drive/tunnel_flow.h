#pragma once
// TunnelFlow: one stream of a tunnel as the client's or the origin's side of a flow.
#include "proxy/drive/flow_driver.h"
#include "proxy/drive/tunnel.h"

namespace sluice::drive {

// Owned by its flow's driver, and may outlive its tunnel.
class TunnelFlow final : public net::Stream, public Responder, private http::StreamUser {
 public:
  TunnelFlow(Tunnel& tunnel, http::TunnelStream& stream);
  ~TunnelFlow() override;

  net::IoResult read(std::span<uint8_t> into) override;
  net::IoResult write(base::ByteView bytes) override;
  void shutdown_write() override;
  void reset_on_close() override { abort_ = true; }
  bool lost() const override { return stream_ == nullptr; }
  void respond(int status, wire::Fields fields) override;

  bool was_reset() const { return stream_ == nullptr || stream_->reset(); }
  // Client: the answer of the PoP; null while it has not come.
  const http::Head* response() const;

 private:
  void on_tunnel_stream(http::TunnelStream& stream) override;
  void on_tunnel_lost() override;
  void update();

  Tunnel* tunnel_;
  http::TunnelStream* stream_;  // null once the tunnel is gone
  bool end_told_ = false;       // a read has said kEnded or kReset
  bool abort_ = false;
};

}  // namespace sluice::drive
