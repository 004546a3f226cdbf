#pragma once
// Health: GET /metrics, /healthz and /readyz, for machines. Its own few threads.
#include <memory>

#include "events/ingest/ingest_server.h"
#include "events/store/event_store.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::server {

// Any thread. Borrows store and ingest: destroyed before them.
class Health {
 public:
  static base::Result<std::unique_ptr<Health>> start(const base::Endpoint& address, store::EventStore& store,
                                                     ingest::IngestServer& ingest);
  ~Health();
  const base::Endpoint& address() const { return address_; }

 private:
  struct Impl;
  explicit Health(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  base::Endpoint address_;
};

// The text of /metrics (Prometheus exposition format 0.0.4).
std::string metrics_text(store::EventStore& store, const ingest::IngestCounters& ingest);

}  // namespace sluice::server
