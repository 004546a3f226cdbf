#pragma once
// PublishStream: one Publish call, its callbacks turned into messages for the shipper's thread.
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "sluice/events/v1/ingest.grpc.pb.h"

namespace sluice::report {

struct StreamEvent {
  enum class Kind {
    kResponse,   // the store said something
    kWritten,    // the request is on its way; the next one may be written
    kReadEnded,  // nothing more will come: call end()
    kDone,       // the call is over: the stream may be destroyed
  };
  uint64_t stream_id = 0;
  Kind kind = Kind::kDone;
  events::v1::PublishResponse response;
};

// Where gRPC's threads and the sync thread leave messages for the shipper's thread. Thread-safe; outlives all streams.
class ShipperInbox {
 public:
  struct Content {
    std::vector<StreamEvent> events;
    bool stop = false;
  };

  void post(StreamEvent event);
  void wake();
  void stop();
  // Waits for a message, a wake-up, or the deadline.
  Content wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Content content_;
  bool woken_ = false;
};

// Owns the call. Made and used on the shipper's thread; destroyed there after kDone.
class PublishStream final : public grpc::ClientBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse> {
 public:
  PublishStream(events::v1::Ingest::Stub& stub, ShipperInbox& inbox, uint64_t stream_id);

  uint64_t id() const { return stream_id_; }
  // Only while can_write(); kWritten follows.
  void write(events::v1::PublishRequest request);
  bool can_write() const { return !writing_ && !ended_; }
  void written() { writing_ = false; }
  // We have nothing more to say.
  void finish_writing();
  // Gives the call up; kReadEnded follows.
  void cancel() { context_.TryCancel(); }
  // After kReadEnded, once; kDone follows.
  void end();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  ShipperInbox& inbox_;
  const uint64_t stream_id_;
  grpc::ClientContext context_;
  events::v1::PublishRequest request_;    // being written
  events::v1::PublishResponse response_;  // being read
  bool writing_ = false;
  bool ended_ = false;
};

}  // namespace sluice::report
