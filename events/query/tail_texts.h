#pragma once
// TailTexts: what live tails send of a commit's records, made once for all tails that ask the same: many watch the
// same, and writing a record costs more than all else that is done for a viewer.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "events/store/event_store.h"
#include "events/store/filter.h"

namespace sluice::query {

// Who reads: what a tail wants to see. Immutable.
class TailAudience {
 public:
  TailAudience(store::Filter filter, bool include_open);
  bool wants(const store::v1::StoredRecord& record) const;
  // Two audiences of one name want the same.
  const std::string& name() const { return name_; }

 private:
  store::Filter filter_;
  bool include_open_;
  std::string name_;
};

// Some records as they are sent: at most tail_records_per_answer_max, or about tail_text_bytes.
struct TailText {
  std::string bytes;
  uint64_t last_offset = 0;  // the highest of a final; 0: none
};
using TailTextList = std::shared_ptr<const std::vector<TailText>>;

// Keeps the texts of the last commits, tail_texts_records_max records of them. Any thread.
class TailTexts {
 public:
  using Append = std::function<void(std::string& out, const store::SharedRecord& record)>;
  // `append` writes one record; called from any thread.
  explicit TailTexts(Append append) : append_(std::move(append)) {}

  TailTextList of(const store::Subscription::Piece& piece, const TailAudience& audience);
  // The same of records that come to nobody else, all of them wanted.
  TailTextList of(const std::vector<store::SharedRecord>& records) const;

 private:
  // Made by the first who asks, while the others wait for it.
  struct Slot {
    std::shared_ptr<const std::vector<store::SharedRecord>> records;  // held, so that an address means one commit
    std::string audience;
    std::mutex mutex;
    TailTextList texts;
  };
  std::shared_ptr<Slot> slot(const store::Subscription::Piece& piece, const TailAudience& audience);
  TailTextList make(const std::vector<store::SharedRecord>& records, size_t first, const TailAudience* audience) const;

  const Append append_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<Slot>> slots_;  // oldest first
  size_t slot_records_ = 0;
};

}  // namespace sluice::query
