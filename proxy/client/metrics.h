#pragma once
// Metrics of the client. Written by its worker, read by scrapes.
#include <array>
#include <atomic>
#include <cstdint>

#include "proxy/flow/record.h"
#include "proxy/monitor/exposition.h"

namespace sluice::client {

enum class Outcome : uint8_t {
  kSteered,    // through the tunnel, the PoP decides
  kBypass,     // an exception, a private address, no tunnel: recorded
  kSilent,     // an exception that leaves no trace but this number
  kUncovered,  // nothing that the steering configuration covers
  kDropped,    // refused by a rule
  kBlocked,    // refused by the PoP, or because there is no tunnel
  kFailed,     // permitted, but it did not come about
  kEmpty,      // a connection on which nothing was asked
  kOverload,   // refused unseen: flow limit, spool full
};
constexpr std::array<const char*, 9> outcome_names{"steered", "bypass", "silent", "uncovered", "dropped",
                                                   "blocked", "failed", "empty",  "overload"};
Outcome outcome_of(const flow::FlowRecord& record);

// Upper bounds in milliseconds; the last bucket has none.
constexpr std::array<int64_t, 7> flow_ms_buckets{10, 50, 250, 1'000, 5'000, 60'000, 3'600'000};

struct Metrics {
  std::array<monitor::Counter, outcome_names.size()> flows;
  std::array<monitor::Counter, outcome_names.size()> client_bytes;
  std::array<monitor::Counter, outcome_names.size()> server_bytes;
  std::array<monitor::Counter, flow_ms_buckets.size() + 1> flow_ms;
  monitor::Counter flow_ms_sum;
  monitor::Counter open_records;
  monitor::Counter closed_records;
  monitor::Counter processes_unknown;
  monitor::Counter quic_passed;   // packets of UDP 443 that policy was asked about
  monitor::Counter quic_refused;  // those, and what the packet filter refused by itself
  std::atomic<uint64_t> open_flows{0};
  std::atomic<uint64_t> on_network{0};
  std::atomic<uint64_t> tunnel_up{0};
  std::atomic<uint64_t> tunnels_made{0};

  void count_flow(const flow::FlowRecord& record, base::Duration duration);
  void expose(monitor::Exposition& out) const;
};

}  // namespace sluice::client
