#pragma once
// StageContext: what a stage sees while it handles one input: the world it may ask things of, and the way on.
#include <memory>

#include "proxy/base/time.h"
#include "proxy/flow/io.h"
#include "proxy/flow/record.h"
#include "proxy/flow/settings.h"

namespace sluice::flow {

class ProxyFlow;

// Lives on the stack of one ProxyFlow::handle.
struct StageContext {
  ProxyFlow& flow;
  const Settings& settings;
  FlowRecord& record;
  base::Time now;
  Outbox& out;
  bool draining = false;                          // the PoP will end
  std::shared_ptr<FlowRecord> exchange_record{};  // owns `record` where that is of one exchange among several

  void send(Side side, std::string_view text) const { out.emplace_back(Send{side, base::Chunk::copy_of(text)}); }
  // Unless policy wants this bypass to leave no trace.
  void write_record(Record::State state) const {
    if (!record.recorded) return;
    record.begun = true;
    out.emplace_back(Record{state, exchange_record});
  }

  // The counter of a new event of this producer.
  uint64_t next_event_counter() const;

  // Leaves the current stage when its handler returns.
  template <class NextStage>
  void go(NextStage stage) const;

  // The end: final record, close. `stage` is where it failed; unspecified for ordinary ends.
  void finish(CloseReason reason, Stage stage = Stage::kUnspecified) const;
  // The end of a connection on which nothing was ever asked for: no record.
  void vanish() const;
};

}  // namespace sluice::flow
