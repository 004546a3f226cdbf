#include "events/api/audit_log.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <utility>

#include "events/api/limits.h"
#include "events/query/json_writer.h"
#include "proxy/base/text.h"

namespace sluice::api {

namespace v1 = events::v1;

AuditLog::AuditLog(store::EventStore& store, std::string observed_by)
    : store_(store), observed_by_(std::move(observed_by)), producer_id_(base::random_u64()) {}

void AuditLog::read(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms) {
  {
    const std::lock_guard lock(mutex_);
    const int64_t joined_ms = std::chrono::milliseconds(audit_joined).count();
    if (recent_.size() >= audit_remembered_max) {
      std::erase_if(recent_, [&](const auto& entry) { return now_ms - entry.second >= joined_ms; });
      if (recent_.size() >= audit_remembered_max) recent_.clear();
    }
    int64_t& last = recent_[actor + '\n' + action + '\n' + target];
    if (last != 0 && now_ms - last < joined_ms) return;
    last = now_ms;
  }
  append(actor, action, target, now_ms);
}

void AuditLog::change(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms) {
  append(actor, action, target, now_ms);
}

void AuditLog::append(const std::string& actor, const std::string& action, const std::string& target, int64_t now_ms) {
  store::Batch batch;
  batch.producer_id = producer_id_;
  batch.source = "loopback";
  batch.observed_by = observed_by_;
  batch.arena = std::make_unique<google::protobuf::Arena>();
  auto* record = google::protobuf::Arena::CreateMessage<v1::Record>(batch.arena.get());
  v1::Audit& audit = *record->mutable_audit();
  audit.set_timestamp(now_ms);
  audit.set_actor(query::valid_utf8(actor));
  audit.set_action(action);
  audit.set_target(query::valid_utf8(target.substr(0, audit_target_bytes_max)));
  audit.set_observed_by(observed_by_);
  batch.payload.reserve(audit_target_bytes_max);  // on the heap, so that views into it survive moving the batch
  record->AppendToString(&batch.payload);
  store::IncomingRecord incoming;
  incoming.kind = store::IncomingRecord::Kind::kFinal;
  incoming.bytes = batch.payload;
  incoming.record = record;
  batch.records.push_back(std::move(incoming));
  // One after the other: a sequence that the store has not seen would be a hole for the next. What a full disk refuses
  // is a hole too, so the next one begins where the store says.
  const std::lock_guard lock(mutex_);
  batch.first_seq = next_seq_++;
  store_.append(std::move(batch), [this](const store::AppendResult& result) {
    if (result.code == store::AppendResult::Code::kCommitted) return;
    const std::lock_guard again(mutex_);
    next_seq_ = result.committed_seq + 1;
  });
}

}  // namespace sluice::api
