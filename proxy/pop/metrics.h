#pragma once
// Metrics of one worker. Written by its thread only, read by scrapes: relaxed atomics, no locks.
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/flow/record.h"

namespace sluice::pop {

enum class Outcome : uint8_t {
  kBypass,    // passed on without being decrypted
  kBlock,     // refused by a rule
  kFailed,    // permitted, but it did not come about
  kEmpty,     // a connection on which nothing was asked
  kOverload,  // refused unseen: flow limit, spool full
};
constexpr std::array<const char*, 5> outcome_names{"bypass", "block", "failed", "empty", "overload"};
Outcome outcome_of(const flow::FlowRecord& record);

// One writer.
class Counter {
 public:
  void add(uint64_t amount = 1) { value_.store(value() + amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Upper bounds in milliseconds; the last bucket has none.
constexpr std::array<int64_t, 9> flow_ms_buckets{10, 50, 250, 1'000, 5'000, 30'000, 300'000, 1'800'000, 7'200'000};

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

  void count_flow(Outcome outcome, const flow::FlowRecord& record, uint64_t overhead, base::Duration duration);
};

// Prometheus text exposition (version 0.0.4).
class Exposition {
 public:
  void family(const char* name, const char* type, const char* help);
  void sample(const char* name, const std::string& labels, uint64_t value);
  void sample(const char* name, const std::string& labels, double value);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void expose(const std::vector<const WorkerMetrics*>& workers, Exposition& out);
// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds.
void expose_process(Exposition& out);

}  // namespace sluice::pop
