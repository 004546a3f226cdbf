#pragma once
// Metrics of one worker. Written by its thread only, read by scrapes: relaxed atomics, no locks.
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/drive/tunnel_server.h"
#include "proxy/flow/record.h"
#include "proxy/monitor/exposition.h"

namespace sluice::pop {

enum class Outcome : uint8_t {
  kBypass,    // passed on without being decrypted
  kBlock,     // refused by a rule
  kInspect,   // passed on message by message
  kFailed,    // permitted, but it did not come about
  kEmpty,     // a connection on which nothing was asked
  kOverload,  // refused unseen: flow limit, spool full
};
constexpr std::array<const char*, 6> outcome_names{"bypass", "block", "inspect", "failed", "empty", "overload"};
Outcome outcome_of(const flow::FlowRecord& record);

using monitor::Counter;
using monitor::Exposition;

// Upper bounds in milliseconds; the last bucket has none.
constexpr std::array<int64_t, 9> flow_ms_buckets{10, 50, 250, 1'000, 5'000, 30'000, 300'000, 1'800'000, 7'200'000};

constexpr std::array<int64_t, 8> handshake_ms_buckets{1, 5, 10, 50, 100, 500, 1'000, 5'000};

// Of the handshakes with one side.
struct HandshakeMetrics {
  std::array<Counter, handshake_ms_buckets.size() + 1> ms;
  Counter ms_sum;
};

struct WorkerMetrics {
  std::array<Counter, outcome_names.size()> flows;
  std::array<Counter, outcome_names.size()> client_bytes;
  std::array<Counter, outcome_names.size()> server_bytes;
  std::array<Counter, flow_ms_buckets.size() + 1> flow_ms;
  Counter flow_ms_sum;
  Counter overhead_bytes;
  Counter open_records;
  Counter closed_records;
  std::atomic<uint64_t> open_flows{0};
  std::atomic<uint64_t> open_tunnels{0};
  std::array<Counter, drive::turned_away_reasons> turned_away;
  Counter policy_disagreements;
  Counter not_introduced;
  std::array<HandshakeMetrics, 2> handshakes;  // client, origin
  Counter mints;

  void count_flow(Outcome outcome, const flow::FlowRecord& record, uint64_t overhead, base::Duration duration);
  void count_handshake(flow::Side side, base::Duration took);
};

void expose(const std::vector<const WorkerMetrics*>& workers, Exposition& out);

}  // namespace sluice::pop
