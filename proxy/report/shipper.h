#pragma once
// Shipper: delivers every spool of the process to the event store, exactly once in the store.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"
#include "proxy/report/spool_root.h"
#include "proxy/report/tls_files.h"

namespace sluice::report {

struct ShipperOptions {
  std::string address;  // host:port of the store's ingest
  // Required unless the address is loopback or a unix socket: Ingest without mutual TLS would believe anybody.
  std::optional<TlsFiles> tls;
  uint64_t seed = 0;  // of the back-off jitter; 0 = random
};

// Counters for an exporter; relaxed atomics, readable from any thread.
struct ShipperMetrics {
  std::atomic<uint64_t> spool_bytes{0};
  std::atomic<uint64_t> records_shipped{0};  // sent, resends included
  std::atomic<uint64_t> records_acked{0};    // durable in the store
  std::atomic<uint64_t> records_dropped{0};  // deleted before the store had them
  std::atomic<uint64_t> records_missing{0};  // sent as gaps: dropped, damaged, or unreadable to the store
  std::atomic<uint64_t> batches_shipped{0};
  std::atomic<uint64_t> bytes_shipped{0};  // payload as sent
  std::atomic<uint64_t> nacks{0};
  std::atomic<uint64_t> reconnects{0};
  std::atomic<uint64_t> connected{0};  // streams that were welcomed and live
  std::atomic<uint64_t> streams{0};    // spools that are not yet drained
};

// Sends every spool of `root` (adopted and live, also those created later) over its own Publish stream.
// Lifetime: created after adopt_spools, destroyed before the root. Thread-safe; all work is done on the shipper's own
// thread and gRPC's, never on a caller's. Never gives up: what is not acknowledged stays in the spool.
class Shipper {
 public:
  static base::Result<std::unique_ptr<Shipper>> create(SpoolRoot& root, ShipperOptions options);
  // Stops at once; what is not acknowledged is shipped by the next start.
  ~Shipper();
  Shipper(const Shipper&) = delete;
  Shipper& operator=(const Shipper&) = delete;

  // For shutdown, after the writers are gone: waits until every spool is acknowledged to its end; false at the
  // deadline.
  bool drain(std::chrono::steady_clock::time_point deadline);

  // Reads the TLS files again and opens streams anew with them; what was under way is sent again, which the store knows
  // how to take. An unreadable file changes nothing.
  base::Status reload_certificates();

  const ShipperMetrics& metrics() const;

 private:
  class Impl;
  explicit Shipper(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::report
