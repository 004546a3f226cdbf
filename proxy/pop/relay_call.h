#pragma once
// RelayCall: one Publish stream of a device, passed on to the event store. Nothing is acknowledged here: Welcome, Ack
// and Nack are the store's, so what a device has heard is durable in the store whatever becomes of this PoP.
//
//   device --request--> stamped --> store      One request and one response are on their way at a time; the next is
//   device <--------- response ---- store      read when the last has been written, so flow control is HTTP/2's.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <optional>

#include "proxy/pop/control_peer.h"
#include "sluice/events/v1/ingest.grpc.pb.h"

namespace sluice::pop {

class RelayService;

// Owned by itself until gRPC is done with both calls, and by the service meanwhile. Callbacks come from several
// threads; everything is under one mutex.
class RelayCall : public grpc::ServerBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse> {
 public:
  // Never null; ends by itself.
  static RelayCall* start(RelayService& service, events::v1::Ingest::Stub& store, ControlPeer peer);

  const ControlPeer& peer() const { return peer_; }
  // Ends both sides.
  void close(grpc::Status status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Request = events::v1::PublishRequest;
  using Response = events::v1::PublishResponse;

  // The call to the store; its callbacks are ours.
  class StoreSide : public grpc::ClientBidiReactor<Request, Response> {
   public:
    explicit StoreSide(RelayCall& call) : call_(call) {}
    void OnReadDone(bool ok) override { call_.on_store_read(ok); }
    void OnWriteDone(bool ok) override { call_.on_store_written(ok); }
    void OnDone(const grpc::Status& status) override { call_.on_store_done(status); }

   private:
    RelayCall& call_;
  };

  RelayCall(RelayService& service, ControlPeer peer) : service_(service), peer_(std::move(peer)) {}
  void on_store_read(bool ok);
  void on_store_written(bool ok);
  void on_store_done(const grpc::Status& status);
  void release_store();
  void end(grpc::Status status);
  void finish_when_written();

  RelayService& service_;
  const ControlPeer peer_;
  std::shared_ptr<RelayCall> self_;  // until both are done
  grpc::ClientContext store_context_;
  StoreSide store_{*this};

  std::mutex mutex_;
  Request request_;
  Response response_;
  bool reading_store_ = false;
  bool writing_ = false;                // response_ to the device
  bool store_released_ = false;         // no operation on the store's call may be begun
  std::optional<grpc::Status> status_;  // for the device, as soon as nothing is being written
  bool finished_ = false;
  int calls_ = 2;  // that gRPC is not done with
};

}  // namespace sluice::pop
