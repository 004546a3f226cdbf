#pragma once
// PublishCall: one Publish stream.
//
//   Hello -> (store) -> Welcome -> Batch ... -> Ack ... -> end of requests -> last Ack -> finished
//                                     \-> Nack: the stream ends, the producer starts again
//
// Owned by itself until gRPC says OnDone, and by the store's callbacks that are still to come. gRPC calls and store
// callbacks come from several threads; everything is under one mutex.
#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "events/ingest/decode.h"
#include "events/ingest/ingest_service.h"

namespace sluice::ingest {

class PublishCall : public grpc::ServerBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse> {
 public:
  // Never null; ends by itself.
  static PublishCall* start(IngestService& service, std::string source);

  // Another stream of the same producer took over.
  void supersede();
  // Ends the stream once everything it sent is answered.
  void drain();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Request = events::v1::PublishRequest;
  using Response = events::v1::PublishResponse;

  PublishCall(IngestService& service, std::string source);
  void on_hello(const Request::Hello& hello);
  void on_batch(Request::Batch& batch);
  void on_welcome(const store::AppendResult& result);
  void on_appended(uint64_t bytes, const store::AppendResult& result);
  void answer(const store::AppendResult& result);
  void nack(Response::Nack::Code code, const store::AppendResult& result);
  void read_on();
  void write_on();
  void finish(grpc::Status status);
  void finish_if_answered();

  IngestService& service_;
  std::shared_ptr<PublishCall> self_;  // until OnDone
  std::mutex mutex_;
  Producer producer_;
  Request request_;
  Response response_;  // being written
  std::deque<Response> responses_;
  enum class Phase { kGreeting, kPublishing, kRefused } phase_ = Phase::kGreeting;
  bool hello_seen_ = false;
  bool reading_ = false;
  bool requests_ended_ = false;
  bool writing_ = false;
  bool finished_ = false;
  uint64_t pending_ = 0;        // answers that the store owes us
  uint64_t pending_bytes_ = 0;  // of batches with the store
  uint64_t committed_ = 0;
};

}  // namespace sluice::ingest
