#pragma once
// SpoolRoot: the spool directory of a process: its producers, its budget and the thread that makes records durable.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/report/limits.h"
#include "proxy/report/spool.h"
#include "proxy/report/spool_budget.h"

namespace sluice::report {

struct SpoolOptions {
  std::filesystem::path directory;
  uint64_t max_bytes = spool_bytes_default;  // all producers of this process together
  WhenFull when_full = WhenFull::kRefuseNewFlows;
  uint64_t segment_bytes = segment_bytes_default;  // at most; a small max_bytes makes it smaller
  std::chrono::milliseconds sync_interval = sync_interval_default;
  std::string observed_by;  // name of this PoP, in gaps and notices
  uint64_t seed = 0;        // of the producer ids, for runs that can be repeated; 0 = random
};

// Owns every Spool (live and adopted), the budget they share and one thread that calls fdatasync for all of them.
// Lifetime: opened before workers, writers and the shipper, destroyed after them. Thread-safe.
class SpoolRoot {
 public:
  // Makes the directory if need be and starts the sync thread. Adopts nothing: see adopt.h.
  static base::Result<std::unique_ptr<SpoolRoot>> open(SpoolOptions options);
  ~SpoolRoot();
  SpoolRoot(const SpoolRoot&) = delete;
  SpoolRoot& operator=(const SpoolRoot&) = delete;

  const SpoolOptions& options() const { return options_; }
  SpoolBudget& budget() { return budget_; }
  const SpoolBudget& budget() const { return budget_; }

  // Every spool of this process; pointers stay valid as long as this object.
  std::vector<Spool*> spools() const;
  // Sum over all spools of records deleted before the store had them.
  uint64_t dropped_records() const;

  // Creates the locked directory of a new producer.
  base::Result<Spool*> create_spool();
  // Deletes the oldest segment of any spool; false if only segments being written are left.
  bool drop_oldest_segment();

  // A writer has flushed: sync within sync_interval, or at once if `urgent`. Wait-free.
  void request_sync(bool urgent);
  // Called on the sync thread after each sync; for the shipper. Replaced by nullptr before its owner goes; when this
  // returns, the old listener is not running and never will.
  void set_listener(std::function<void()> on_synced);
  // Waits until everything written by now is synced.
  void sync_now();

 private:
  friend class SpoolAdopter;

  explicit SpoolRoot(SpoolOptions options);
  void run();
  void sync_all();
  Spool* add(std::unique_ptr<Spool> spool);

  SpoolOptions options_;
  SpoolBudget budget_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Spool>> spools_;
  uint64_t last_id_ = 0;   // with a seed
  std::mutex sync_mutex_;  // one sync at a time
  std::mutex listener_mutex_;
  std::function<void()> on_synced_;

  Fd wake_;    // eventfd: something was written
  Fd urgent_;  // eventfd: do not wait for the interval
  std::atomic<bool> sync_requested_{false};
  std::atomic<bool> urgent_requested_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sluice::report
