#pragma once
// DatagramFlows: QUIC connections that pass beside the tunnel by an exception: their records, from the first packet
// until the kernel has forgotten them, with the bytes that it counted.
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "proxy/client/kernel_connection.h"
#include "proxy/flow/io.h"
#include "proxy/flow/record.h"
#include "proxy/net/loop.h"

namespace sluice::client {

// Belongs to the worker, on its loop.
class DatagramFlows : private net::Timer {
 public:
  struct Flow {
    flow::FlowRecord record;
    std::optional<uint32_t> uid;  // of the app
  };
  struct Host {
    std::function<void(flow::FlowRecord& record, flow::Record::State state)> write;
    // Brings heard(), before it returns, where the kernel still knows the connection. Null: it counts nothing.
    std::function<void(const base::Endpoint& source, const base::Endpoint& destination)> ask;
    std::function<void(const Flow& flow)> ended;
  };

  DatagramFlows(net::Loop& loop, Host host) : loop_(loop), host_(std::move(host)) {}

  bool holds(const base::Endpoint& source, const base::Endpoint& destination) const;
  // Writes the first record of a flow with an event id. It is the last as well where nobody counts.
  void begin(Flow flow);
  void heard(const KernelConnection& connection, bool over);
  // Writes all records once more, as they are (a new spool segment begins with the events still open).
  void rewrite();
  // With what the kernel counts now.
  void end_all(flow::CloseReason reason);

 private:
  void on_timer() override;
  void ask_all();
  void end(Flow& flow, flow::CloseReason reason);

  net::Loop& loop_;
  Host host_;
  std::unordered_map<std::string, Flow> flows_;  // by both ends
  base::Time update_at_{};
};

}  // namespace sluice::client
