#pragma once
// ProxyFlow: the machine of one proxied flow, from the first byte of the client to the final record.
//
//   Greeting --authority--> Dialing --connected, 200--> Peeking --decided--> Splicing --ended--> Done
//      +--a tunnel, first bytes--> Hearing --decided--> Dialing                                |
//    |  |                    |                         | |                    ^                 ^
//    |  |                    |   address, hello names  | +--> Redialing --------+                 |
//    |  |                    |                         | +--decrypt--> Handshaking --> Relaying --+
//    |  +--http://... request--------------------------|---------plain HTTP--> Relaying ----------+
//    |  +--- policy blocks --+---> Blocking --heard--+ |        |                  |            |
//    |  |                    |                         | |      HTTP/2 +--> Multiplexing -----------+
//    +------ refused --------+--------- failed -------+-+-------+------------------+--> Refusing --client closed, 2 s
//
// Where the network turns connections over, Recognizing stands in Greeting's place: it learns the name from the first
// bytes.
// A (stage, input) pair without a handler closes the flow with a reason that names the pair.
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "proxy/flow/blocking.h"
#include "proxy/flow/dialing.h"
#include "proxy/flow/event_ids.h"
#include "proxy/flow/greeting.h"
#include "proxy/flow/handshaking.h"
#include "proxy/flow/hearing.h"
#include "proxy/flow/io.h"
#include "proxy/flow/machine.h"
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/peeking.h"
#include "proxy/flow/recognizing.h"
#include "proxy/flow/record.h"
#include "proxy/flow/redialing.h"
#include "proxy/flow/refusing.h"
#include "proxy/flow/relaying.h"
#include "proxy/flow/settings.h"
#include "proxy/flow/splicing.h"
#include "proxy/flow/stage_box.h"

namespace sluice::flow {

class ProxyFlow final : public Machine {
 public:
  using Stages = std::variant<Greeting, Recognizing, Hearing, Dialing, Peeking, Redialing, Splicing, Kept<Handshaking>,
                              Kept<Relaying>, Kept<Multiplexing>, Blocking, Refusing, Done>;

  ProxyFlow(std::shared_ptr<const Settings> settings, const base::Endpoint& source, base::Time now,
            base::WallTime wall);

  void handle(Input&& input, base::Time now, Outbox& out) override;
  std::optional<base::Time> deadline() const override;
  bool done() const override { return std::holds_alternative<Done>(stage_); }

  // Where a relayed flow gets the ids of its further events; outlives the flow. The record has its first one already.
  void use_event_ids(EventIds& ids) { ids_ = &ids; }

  FlowRecord& record() override { return record_; }
  const FlowRecord& record() const { return record_; }
  void each_record(const std::function<void(FlowRecord&)>& visit) override;
  const char* stage_name() const;

 private:
  friend struct StageContext;

  std::shared_ptr<const Settings> settings_;
  EventIds* ids_ = nullptr;
  FlowRecord record_;
  bool draining_ = false;
  Stages stage_;
  std::unique_ptr<Stages> next_;  // until the handler of the current one returns
};

template <class NextStage>
void StageContext::go(NextStage stage) const {
  flow.next_ = std::make_unique<ProxyFlow::Stages>(Kept<NextStage>(std::move(stage)));
}

}  // namespace sluice::flow
