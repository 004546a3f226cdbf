#pragma once
// FakeStore: an ingest service in memory that obeys the store's commit rule and fails on request.
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/base/assert.h"
#include "proxy/base/crc32c.h"
#include "proxy/report/frame.h"
#include "sluice/events/v1/ingest.grpc.pb.h"

namespace sluice::report {

struct StoredEntry {
  EntryKind kind = EntryKind::kOther;
  uint64_t counter = 0;
  std::string record;
};

// Keeps what was committed over stop() and start(). Thread-safe.
class FakeStore final : public events::v1::Ingest::Service {
 public:
  using Request = events::v1::PublishRequest;
  using Response = events::v1::PublishResponse;
  using Nack = Response::Nack;

  // What to do with a batch.
  struct Answer {
    bool commit = true;
    bool ack = true;
    bool cut = false;  // end the stream
    Nack::Code nack = Nack::CODE_UNSPECIFIED;
    uint32_t retry_after_ms = 0;
  };
  // Decides about each batch, given its entries; called with the lock held.
  using OnBatch = std::function<Answer(const Request::Batch&, const std::vector<Entry>&)>;

  FakeStore() = default;
  ~FakeStore() override { stop(); }

  void start(const std::shared_ptr<grpc::ServerCredentials>& credentials = grpc::InsecureServerCredentials()) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), credentials, &port);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    SLUICE_ASSERT(server_ != nullptr);
    port_ = port;
  }
  // Cuts every stream; what was committed stays.
  void stop() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void on_batch(OnBatch decide) {
    const std::lock_guard lock(mutex_);
    decide_ = std::move(decide);
  }
  // Loses everything, as a store whose disk was replaced.
  void forget() {
    const std::lock_guard lock(mutex_);
    stored_.clear();
  }
  // By producer; entry i has sequence i + 1.
  std::map<uint64_t, std::vector<StoredEntry>> stored() const {
    const std::lock_guard lock(mutex_);
    return stored_;
  }
  uint64_t welcomes() const {
    const std::lock_guard lock(mutex_);
    return welcomes_;
  }

 private:
  grpc::Status Publish(grpc::ServerContext*, grpc::ServerReaderWriter<Response, Request>* stream) override {
    Request request;
    if (!stream->Read(&request) || !request.has_hello()) return {grpc::StatusCode::INVALID_ARGUMENT, "no hello"};
    const uint64_t producer = request.hello().producer_id();
    stream->Write(welcome(producer));
    while (stream->Read(&request)) {
      Response response;
      const bool go_on = take(producer, request.batch(), response);
      if (response.response_case() != Response::RESPONSE_NOT_SET) stream->Write(response);
      if (!go_on) return {grpc::StatusCode::ABORTED, "as asked for"};
    }
    return grpc::Status::OK;
  }

  Response welcome(uint64_t producer) {
    const std::lock_guard lock(mutex_);
    ++welcomes_;
    Response response;
    response.mutable_welcome()->set_committed_seq(stored_[producer].size());
    response.mutable_welcome()->set_window_bytes(1 << 20);
    response.mutable_welcome()->set_batch_bytes_max(4 << 20);
    return response;
  }

  bool take(uint64_t producer, const Request::Batch& batch, Response& response) {
    const std::lock_guard lock(mutex_);
    std::vector<StoredEntry>& log = stored_[producer];
    const auto nack = [&](Nack::Code code, uint32_t retry_after_ms) {
      response.mutable_nack()->set_code(code);
      response.mutable_nack()->set_committed_seq(log.size());
      response.mutable_nack()->set_retry_after_ms(retry_after_ms);
      return true;
    };
    if (base::crc32c(base::as_bytes(batch.payload())) != batch.crc32c()) return nack(Nack::CODE_CORRUPT, 0);
    std::vector<uint8_t> buffer;
    const auto payload = unpack_payload(batch.codec(), base::as_bytes(batch.payload()), buffer);
    if (!payload) return nack(Nack::CODE_CORRUPT, 0);
    const auto entries = decode_entries(*payload, batch.count());
    if (!entries) return nack(Nack::CODE_CORRUPT, 0);
    const Answer answer = decide_ ? decide_(batch, *entries) : Answer{};
    if (answer.nack != Nack::CODE_UNSPECIFIED) return nack(answer.nack, answer.retry_after_ms);
    if (answer.commit) {
      if (batch.first_seq() > log.size() + 1) return nack(Nack::CODE_OUT_OF_RANGE, 0);
      for (uint64_t seq = log.size() + 1; seq < batch.first_seq() + batch.count(); ++seq) {
        const Entry& entry = (*entries)[seq - batch.first_seq()];
        log.push_back({entry.kind, entry.counter, std::string(base::as_text(entry.record))});
      }
    }
    if (answer.ack && answer.commit) response.mutable_ack()->set_committed_seq(log.size());
    return !answer.cut;
  }

  mutable std::mutex mutex_;
  std::map<uint64_t, std::vector<StoredEntry>> stored_;
  OnBatch decide_;
  uint64_t welcomes_ = 0;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace sluice::report
