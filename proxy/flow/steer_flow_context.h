#pragma once
// What the stages of a steering client's flow share: settings, the way in, and the context of one input.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/time.h"
#include "proxy/flow/io.h"
#include "proxy/flow/record.h"
#include "proxy/flow/refusal.h"
#include "proxy/flow/settings.h"
#include "proxy/policy/policy.h"
#include "proxy/wire/authority.h"

namespace sluice::flow {

class SteerFlow;

// What a client obeys: one immutable snapshot, shared by the flows that began under it. A new policy is for new flows.
struct SteerSettings {
  std::string client_name;  // in Proxy-Status and pages
  std::string user;         // whose steering configuration holds; "" = nobody known
  std::shared_ptr<const Device> device;
  std::shared_ptr<const policy::Policy> policy;  // never null
  bool on_network = false;                       // what would be tunnelled goes direct: the network does the steering
  Timeouts timeouts;
};

// How the flow came to us and where it wants to go.
struct Way {
  enum class In : uint8_t { kTransparent, kConnect, kSocks, kPlainRequest };
  In in = In::kTransparent;
  bool granted = false;  // nothing stands between the app and its origin any more: what we send is in their language
  wire::Authority authority;               // as asked; of a transparent flow its original destination
  std::string learned_name;                // what this machine's DNS answers called the address; "" = unknown
  std::optional<base::IpAddress> address;  // that policy judges
};

// Lives on the stack of one SteerFlow::handle.
struct SteerContext {
  SteerFlow& flow;
  const SteerSettings& settings;
  FlowRecord& record;
  base::Time now;
  Outbox& out;

  void send_client(std::string_view text) const { out.emplace_back(Send{Side::kClient, base::Chunk::copy_of(text)}); }
  // Unless the verdict wants none, or the PoP alone records this flow.
  void write_record(Record::State state) const;
  // Says once what was decided.
  void announce() const;

  // Leaves the current stage when its handler returns.
  template <class NextStage>
  void go(NextStage stage) const;

  // The end: final record, close. `stage` is where it failed; unspecified for ordinary ends.
  void finish(CloseReason reason, Stage stage = Stage::kUnspecified) const;
  // The end of a connection on which nothing was ever asked for.
  void vanish() const;
};

}  // namespace sluice::flow
