#pragma once
// EventServer: the parts of sluice-events, started and stopped in order: store, ingest, query, health,
// HTTP, retention.
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "events/api/api.h"
#include "events/api/http_server.h"
#include "events/ingest/ingest_server.h"
#include "events/server/health.h"
#include "events/server/query_server.h"
#include "events/store/event_store.h"
#include "events/store/registry.h"
#include "proxy/base/result.h"
#include "proxy/config/events_config.h"

namespace sluice::server {

// Used by main's thread.
class EventServer {
 public:
  // Logs one line per listener, with the address that was bound.
  static base::Result<std::unique_ptr<EventServer>> start(config::LoadedEvents config);
  // Answers what producers sent, commits it, stops.
  ~EventServer();

  // Reads the configuration file again: log and retention change at once; for anything else it says that a restart is
  // needed. An error leaves everything as it was.
  base::Status reload();

 private:
  explicit EventServer(config::LoadedEvents config) : config_(std::move(config)) {}
  base::Status start_parts();
  base::Status start_http();
  void run_upkeep();
  void keep_up(uint32_t retention_days);

  config::LoadedEvents config_;
  std::unique_ptr<store::EventStore> store_;
  std::unique_ptr<store::Registry> registry_;
  std::unique_ptr<ingest::IngestServer> ingest_;
  std::unique_ptr<QueryServer> query_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::HttpServer> http_;

  std::mutex mutex_;
  std::condition_variable wake_;
  uint32_t retention_days_ = 0;
  bool upkeep_due_ = true;
  bool stopping_ = false;
  std::thread upkeep_;
};

}  // namespace sluice::server
