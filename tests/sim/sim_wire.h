#pragma once
// SimWire: brings the spools of a process to the store as the shipper does, over a wire that cuts streams, loses
// answers, and delivers what was sent before the cut.
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "proxy/report/spool_reader.h"
#include "proxy/report/spool_root.h"
#include "sluice/events/v1/ingest.pb.h"
#include "tests/sim/sim_store.h"

namespace sluice::sim {

class SimWire {
 public:
  SimWire(Random& random, report::SpoolRoot& root, SimStore& store) : random_(random), root_(root), store_(store) {}

  // One thing happens on the wire.
  void live();
  // No faults any more, until every spool is drained.
  void drain();

 private:
  struct Stream {
    explicit Stream(report::Spool& of) : spool(of), reader(of, "pop-sim") {}
    report::Spool& spool;
    report::SpoolReader reader;
    bool welcomed = false;
    std::deque<events::v1::PublishRequest::Batch> under_way;
    events::v1::PublishRequest::Batch last;  // sent again now and then
  };

  void find_spools();
  void greet(Stream& stream);
  bool send(Stream& stream);
  void deliver(Stream& stream, size_t batches);
  static store::PendingAppend decoded(Stream& stream, events::v1::PublishRequest::Batch batch);

  Random& random_;
  report::SpoolRoot& root_;
  SimStore& store_;
  bool faults_ = true;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace sluice::sim
