#pragma once
// SteerFlow: the machine of one flow of the steering client, from the app's first byte to the final record.
//
//   Greeting --a name--> Resolving --verdict: direct-------> Dialing --connected--> Peeking --> Splicing --ended-->
//   Done
//      | |                   +-----verdict: tunnel--+         ^ |  ^                              ^                  ^
//      | +---an address, or captured--> Hearing <---+         | +--+ no tunnel, fail open: direct |                  |
//      |                                   +--verdict---------+ +------ first words heard --------+                  |
//      +------------------------ refused -----------------------+--> Refusing --app closed, 2 s ---------------------+
//
// Direct bypasses, drops and flows without a tunnel are recorded; tunnelled bypasses too, as the client's view of what
// the PoP records (not primary). What is simply steered is the PoP's to record.
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "proxy/flow/machine.h"
#include "proxy/flow/steer_flow_context.h"
#include "proxy/flow/steer_flow_dialing.h"
#include "proxy/flow/steer_flow_greeting.h"
#include "proxy/flow/steer_flow_hearing.h"
#include "proxy/flow/steer_flow_peeking.h"
#include "proxy/flow/steer_flow_resolving.h"
#include "proxy/flow/steer_flow_splicing.h"

namespace sluice::flow {

class SteerFlow final : public Machine {
 public:
  using Stages = std::variant<SteerGreeting, SteerResolving, SteerHearing, SteerDialing, SteerPeeking, SteerSplicing,
                              SteerRefusing, SteerDone>;

  // The process, as far as it could be told, is written into record() before the first input.
  SteerFlow(std::shared_ptr<const SteerSettings> settings, const base::Endpoint& source, base::Time now,
            base::WallTime wall);

  void handle(Input&& input, base::Time now, Outbox& out) override;
  std::optional<base::Time> deadline() const override;
  bool done() const override { return std::holds_alternative<SteerDone>(stage_); }
  FlowRecord& record() override { return record_; }
  const FlowRecord& record() const { return record_; }
  const char* stage_name() const;

  // For the stages.
  policy::Line line() const { return line_; }
  void set_line(policy::Line line) { line_ = line; }
  bool take_announcement() { return std::exchange(announced_, true) == false; }
  // Payload of the app that the splice does not count, or counts too much.
  void add_client_bytes(int64_t bytes) { uncounted_ += bytes; }
  uint64_t client_bytes(uint64_t spliced) const { return spliced + static_cast<uint64_t>(uncounted_); }

 private:
  friend struct SteerContext;

  std::shared_ptr<const SteerSettings> settings_;
  FlowRecord record_;
  Stages stage_;
  std::unique_ptr<Stages> next_;  // until the handler of the current one returns
  policy::Line line_ = policy::Line::kNone;
  bool announced_ = false;
  int64_t uncounted_ = 0;
};

template <class NextStage>
void SteerContext::go(NextStage stage) const {
  flow.next_ = std::make_unique<SteerFlow::Stages>(std::move(stage));
}

}  // namespace sluice::flow
