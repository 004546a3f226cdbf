#pragma once
// SimPop: one run of a proxy process: a worker with its flows, its real spool writer, and the spools it has adopted. It
// ends in order, by kill -9 (what the kernel has stays), or by a loss of power (what was not synced may go).
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/report/event_builder.h"
#include "proxy/report/spool_root.h"
#include "proxy/report/spool_writer.h"
#include "tests/sim/sim_flow.h"

namespace sluice::sim {

// What the store must hold of an event in the end.
struct Expected {
  bool open_in_kernel = false;   // a record that is not final was flushed
  bool final_in_kernel = false;  // the final one was flushed
  bool synced = false;           // some record of it is on disk for good
  bool doubtful = false;         // a torn write or a power loss may have taken the last records
  bool alive = true;             // its process has not died
  uint64_t client_bytes = 0;     // of the final record
  uint64_t server_bytes = 0;
};
// By event id. Outlives the processes.
using Ledger = std::map<std::string, Expected>;

class SimPop : public FlowHome {
 public:
  // Adopts what is in `directory`.
  SimPop(Clock& clock, Random& random, Ledger& ledger, std::filesystem::path directory);
  ~SimPop();

  report::SpoolRoot& root() { return *root_; }
  const std::filesystem::path& directory() const { return directory_; }

  // Something happens in the process: a flow begins, one lives on, a turn ends, the disk is told to be sure.
  void live();
  void sync();
  // SIGTERM: flows are closed, records written, the writer goes.
  void stop();
  // What a process that dies now leaves behind, in `copy`. `power`: unsynced bytes may be lost too.
  void die(const std::filesystem::path& copy, bool power);

 private:
  void write_record(flow::FlowRecord& record, flow::Record::State state) override;
  void wait_for_records(uint64_t flow) override { waiting_.push_back(flow); }
  Clock& clock() override { return clock_; }

  void begin_flow();
  void end_turn();
  void tear(const std::filesystem::path& copy);
  void forget_closed();
  void note_flushed();
  std::string id_of(uint64_t counter) const { return report::event_id(writer_->producer_id(), counter); }

  struct Pending {
    uint64_t counter;
    bool final;
    uint64_t client_bytes, server_bytes;
  };

  Clock& clock_;
  Random& random_;
  Ledger& ledger_;
  const std::filesystem::path directory_;
  std::unique_ptr<report::SpoolRoot> root_;
  std::unique_ptr<report::SpoolWriter> writer_;
  std::unique_ptr<report::EventBuilder> builder_;
  std::shared_ptr<const flow::Settings> settings_;
  std::map<uint64_t, std::unique_ptr<SimFlow>> flows_;  // by event counter
  std::vector<uint64_t> waiting_;
  std::vector<Pending> pending_;                  // appended, not yet flushed
  std::set<std::string> since_sync_;              // events with a record that is not synced
  std::map<std::string, uint64_t> synced_bytes_;  // of each segment file
  events::v1::PageEvent event_;
};

}  // namespace sluice::sim
