#pragma once
// WatchCall: one WatchConfig stream.
//
//   opened -> Hello -> Config, Ack, ... Config, Ack -> the client leaves, is superseded or revoked -> finished
//
// Owned by itself until gRPC says OnDone, and by the hub while it is the device's stream. gRPC's threads and those that
// send come together here: everything is under one mutex, and the hub is called without it.
#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "proxy/pop/control_peer.h"
#include "sluice/control/v1/control.grpc.pb.h"

namespace sluice::pop {

class ControlHub;
class StreamBudget;

class WatchCall : public grpc::ServerBidiReactor<control::v1::WatchRequest, control::v1::WatchResponse> {
 public:
  using Response = std::shared_ptr<const control::v1::WatchResponse>;

  // Never null; ends by itself.
  static WatchCall* start(ControlHub& hub, StreamBudget& budget, ControlPeer peer);

  // The newest one waits while another message is on its way; an older generation than the last is not sent.
  void send_config(Response config);
  // False: the client does not keep up, and the notice is dropped.
  bool send_notice(Response notice);
  // The client hears Revoked, then the stream ends.
  void revoke();
  void supersede();
  // The PoP stops.
  void close();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchCall(ControlHub& hub, StreamBudget& budget, ControlPeer peer)
      : hub_(hub), budget_(budget), peer_(std::move(peer)) {}
  void write_on();
  void finish(grpc::Status status);

  ControlHub& hub_;
  StreamBudget& budget_;  // a stream was taken for us
  const ControlPeer peer_;
  std::shared_ptr<WatchCall> self_;    // until OnDone
  control::v1::WatchRequest request_;  // of the one read at a time
  bool greeted_ = false;               // likewise

  std::mutex mutex_;
  Response writing_;
  Response config_;  // next
  std::deque<Response> notices_;
  uint64_t generation_ = 0;  // of the last config
  bool revoked_ = false;     // Revoked is the last word
  bool finished_ = false;
};

}  // namespace sluice::pop
