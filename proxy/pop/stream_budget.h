#pragma once
// StreamBudget: how many streams each device and all together may hold open at the control service.
#include <grpcpp/grpcpp.h>

#include <mutex>
#include <string>
#include <unordered_map>

#include "proxy/pop/limits.h"

namespace sluice::pop {

// Thread-safe.
class StreamBudget {
 public:
  grpc::Status take(const std::string& device_id) {
    const std::lock_guard lock(mutex_);
    if (total_ >= control_streams_max) return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the PoP has too many streams"};
    size_t& streams = by_device_[device_id];
    if (streams >= control_streams_per_device_max) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the device has too many streams"};
    }
    ++streams;
    ++total_;
    return grpc::Status::OK;
  }
  void release(const std::string& device_id) {
    const std::lock_guard lock(mutex_);
    const auto found = by_device_.find(device_id);
    if (found == by_device_.end()) return;
    --total_;
    if (--found->second == 0) by_device_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, size_t> by_device_;
  size_t total_ = 0;
};

// Refuses a stream before it begins. Owned by itself until gRPC says OnDone.
template <class Request, class Response>
class RefusedStream : public grpc::ServerBidiReactor<Request, Response> {
 public:
  static grpc::ServerBidiReactor<Request, Response>* start(grpc::Status status) {
    auto refusal = std::make_unique<RefusedStream>();
    RefusedStream* borrowed = refusal.get();
    borrowed->self_ = std::move(refusal);
    borrowed->Finish(std::move(status));
    return borrowed;
  }
  void OnDone() override { const std::unique_ptr<RefusedStream> last = std::move(self_); }

 private:
  std::unique_ptr<RefusedStream> self_;
};

}  // namespace sluice::pop
