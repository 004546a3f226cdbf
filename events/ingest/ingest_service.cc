#include "events/ingest/ingest_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "events/ingest/limits.h"
#include "events/ingest/publish_call.h"

namespace sluice::ingest {
namespace {
using Reactor = grpc::ServerBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse>;

// Refuses a stream before it begins. Owned by itself until gRPC says OnDone.
class Refusal : public Reactor {
 public:
  static Reactor* start(grpc::Status status) {
    auto refusal = std::make_unique<Refusal>();
    Refusal* borrowed = refusal.get();
    borrowed->self_ = std::move(refusal);
    borrowed->Finish(std::move(status));
    return borrowed;
  }
  void OnDone() override { const std::unique_ptr<Refusal> last = std::move(self_); }

 private:
  std::unique_ptr<Refusal> self_;
};
}  // namespace

IngestService::IngestService(store::EventStore& store, std::string tenant, std::vector<std::string> relays)
    : store_(store), tenant_(std::move(tenant)), relays_(std::move(relays)) {}

// Whose producers a stream may speak for: its peer's or, when the peer is a PoP that says so, one device's. A device
// has the same source behind every PoP.
grpc::Status IngestService::source_of(const grpc::CallbackServerContext& context, std::string& source) const {
  const auto authenticated = context.auth_context();
  source = peer_source(*authenticated);
  if (source.empty() || source.size() > name_bytes_max) {
    return {grpc::StatusCode::UNAUTHENTICATED, "the certificate names nobody"};
  }
  const auto device = context.client_metadata().find("sluice-device-bin");
  if (device == context.client_metadata().end()) return grpc::Status::OK;
  const bool is_relay =
      !authenticated->IsPeerAuthenticated() || std::find(relays_.begin(), relays_.end(), source) != relays_.end();
  if (!is_relay) {
    return {grpc::StatusCode::PERMISSION_DENIED,
            "the peer `" + source + "` publishes for a device, but is not one of ingest.relays"};
  }
  if (device->second.empty() || device->second.size() > name_bytes_max) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "the name of the device is empty or too long"};
  }
  source = "device/" + std::string(device->second.data(), device->second.size());
  return grpc::Status::OK;
}

Reactor* IngestService::Publish(grpc::CallbackServerContext* context) {
  if (draining_) return Refusal::start({grpc::StatusCode::UNAVAILABLE, "the store is stopping"});
  if (counters_.streams_open >= streams_max) {
    return Refusal::start({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"});
  }
  std::string source;
  if (auto status = source_of(*context, source); !status.ok()) return Refusal::start(std::move(status));
  return PublishCall::start(*this, std::move(source));
}

void IngestService::take_over(uint64_t producer_id, const std::shared_ptr<PublishCall>& call) {
  std::shared_ptr<PublishCall> older;
  {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<PublishCall>& slot = calls_[producer_id];
    older = slot.lock();
    slot = call;
  }
  if (older && older != call) {
    ++counters_.streams_superseded;
    older->supersede();
  }
  if (draining_) call->drain();
}

void IngestService::forget(uint64_t producer_id, const PublishCall* call) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(producer_id);
  if (found == calls_.end()) return;
  const auto current = found->second.lock();
  if (current == nullptr || current.get() == call) calls_.erase(found);
}

void IngestService::drain() {
  draining_ = true;
  std::vector<std::shared_ptr<PublishCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, weak] : calls_) {
      if (auto call = weak.lock()) calls.push_back(std::move(call));
    }
  }
  for (const auto& call : calls) call->drain();
}

std::string peer_source(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return "loopback";
  for (const char* property : {"x509_subject_alternative_name", "x509_common_name"}) {
    const auto values = context.FindPropertyValues(property);
    if (!values.empty()) return {values.front().data(), values.front().size()};
  }
  return {};
}

}  // namespace sluice::ingest
