#pragma once
// IngestService: the gRPC service that producers publish to. Runs on gRPC's threads; batches are decoded there and
// committed on the store's writer thread.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "events/store/event_store.h"
#include "sluice/events/v1/ingest.grpc.pb.h"

namespace sluice::ingest {

class PublishCall;

struct IngestCounters {
  std::atomic<uint64_t> streams_open{0};
  std::atomic<uint64_t> streams_total{0};
  std::atomic<uint64_t> streams_superseded{0};
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> payload_bytes{0};  // as sent
  std::atomic<uint64_t> nacks{0};
};

// Outlives every stream: destroyed after the gRPC server that it is registered with, before the store.
class IngestService : public events::v1::Ingest::CallbackService {
 public:
  // `relays`: authenticated peers that publish for devices behind them; unauthenticated ones are on loopback and may.
  IngestService(store::EventStore& store, std::string tenant, std::vector<std::string> relays);

  grpc::ServerBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse>* Publish(
      grpc::CallbackServerContext* context) override;

  // New streams are refused from now on; open ones end once what they sent is acknowledged.
  void drain();

  store::EventStore& store() { return store_; }
  const std::string& tenant() const { return tenant_; }
  IngestCounters& counters() { return counters_; }

  // Makes `call` the producer's stream; an older one, dead or not, ends.
  void take_over(uint64_t producer_id, const std::shared_ptr<PublishCall>& call);
  void forget(uint64_t producer_id, const PublishCall* call);

 private:
  grpc::Status source_of(const grpc::CallbackServerContext& context, std::string& source) const;

  store::EventStore& store_;
  const std::string tenant_;
  const std::vector<std::string> relays_;
  IngestCounters counters_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<PublishCall>> calls_;
  std::atomic<bool> draining_{false};
};

// The authenticated name of a stream's other end: the certificate's first subject alternative name, else its common
// name; "loopback" without TLS. Empty if a certificate has neither.
std::string peer_source(const grpc::AuthContext& context);

}  // namespace sluice::ingest
