#pragma once
// AuditLog: writes down who read whose data and who changed what, as records of the store itself. It is a producer of
// its own; the same read by the same caller within audit_joined is written once.
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "events/store/event_store.h"

namespace sluice::api {

// Any thread. Borrows the store, which has committed or refused everything before it is closed.
class AuditLog {
 public:
  AuditLog(store::EventStore& store, std::string observed_by);

  // `action` is a word such as search; `target` what was read or changed.
  void read(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms);
  void change(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms);

 private:
  void append(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms);

  store::EventStore& store_;
  const std::string observed_by_;
  const uint64_t producer_id_;
  std::mutex mutex_;
  uint64_t next_seq_ = 1;
  std::map<std::string, int64_t> recent_;  // what was written, and when
};

}  // namespace sluice::api
