#pragma once
// Numbers for Prometheus: counters that one thread writes and scrapes read, and the text in which they are shown.
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace sluice::monitor {

// One writer.
class Counter {
 public:
  void add(uint64_t amount = 1) { value_.store(value() + amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
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

// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds.
void expose_process(Exposition& out);

}  // namespace sluice::monitor
