#pragma once
// RelayService: sluice.events.v1.Ingest as a PoP offers it to devices.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "proxy/pop/control_hub.h"
#include "proxy/pop/relay_call.h"
#include "proxy/pop/stream_budget.h"
#include "sluice/events/v1/ingest.grpc.pb.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::pop {

struct RelayCounters {
  std::atomic<uint64_t> streams_open{0};
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> records{0};          // passed on, resends included
  std::atomic<uint64_t> records_refused{0};  // forged, or not a device's to send
};

// Runs on gRPC's threads. Destroyed after the server that it is registered with, before the hub.
class RelayService : public events::v1::Ingest::CallbackService {
 public:
  using Report = std::function<void(events::v1::Record)>;

  // `store` null: no event store is configured. `report` puts a record into a spool of this PoP; any thread.
  RelayService(ControlHub& hub, StreamBudget& budget, std::shared_ptr<grpc::Channel> store, std::string observed_by,
               Report report);

  grpc::ServerBidiReactor<events::v1::PublishRequest, events::v1::PublishResponse>* Publish(
      grpc::CallbackServerContext* context) override;

  // Ends the streams of certificates that the hub no longer admits.
  void end_revoked();
  void close_all();
  const RelayCounters& counters() const { return counters_; }

  // --- of a stream ---
  void begun(const std::shared_ptr<RelayCall>& call);
  void stamp(const ControlPeer& peer, events::v1::PublishRequest::Batch& batch);
  void ended(const RelayCall& call);

 private:
  void tell_forgery(const ControlPeer& peer, const std::string& why);
  std::vector<std::shared_ptr<RelayCall>> calls();

  ControlHub& hub_;
  StreamBudget& budget_;
  const std::unique_ptr<events::v1::Ingest::Stub> store_;
  const std::string observed_by_;
  const Report report_;
  RelayCounters counters_;
  std::mutex mutex_;
  std::unordered_map<const RelayCall*, std::weak_ptr<RelayCall>> calls_;
  std::unordered_map<std::string, std::chrono::steady_clock::time_point> told_;  // forgeries, by device
};

}  // namespace sluice::pop
