#pragma once
// FlowNotices: what workers want told to people at once, on its way to the thread that tells them.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/flow/record.h"

namespace sluice::pop {

struct FlowNotice {
  std::string device_id;
  std::string flow_id;  // the client's name of the flow
  std::string action;   // block
  std::string policy;
  std::string notification;  // its name in the policy
  std::string host;
};

// A bounded mailbox. Thread-safe; a short lock, taken by workers only for blocked flows of devices. Outlives workers.
class FlowNotices {
 public:
  // Called by a worker for each record that it writes; a block of a device's flow is noted, anything else costs a
  // comparison. What finds no room is dropped and counted: the flow's alert and event tell the same.
  void on_record(const flow::FlowRecord& record) {
    if (record.device != nullptr && record.action == flow::Verdict::kBlock) note(record);
  }

  struct Content {
    std::vector<FlowNotice> notices;
    bool stop = false;
  };
  // Waits for a notice, wake(), stop() or the deadline. One thread.
  Content wait_until(std::chrono::steady_clock::time_point deadline);
  void wake();
  void stop();
  uint64_t dropped() const;

 private:
  void note(const flow::FlowRecord& record);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Content content_;
  bool woken_ = false;
  uint64_t dropped_ = 0;
};

}  // namespace sluice::pop
