#pragma once
// Committer: turns a group of queued batches into durable rows: one transaction per touched day file, then one in the
// catalogue. Holds what the rules need in memory: watermarks, open events, next offset. Used by the writer thread only.
//
// After an error nothing of the group is acknowledged and the committer is thrown away; a new one reads its state back
// from the files. Day files may then hold more than the catalogue says ("in doubt"): their `applied` rows, and the ids
// of their rows, keep what comes again from being stored twice.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "events/store/catalogue_file.h"
#include "events/store/day_file.h"
#include "events/store/event_store.h"
#include "events/store/store_view.h"

namespace sluice::store {

struct PendingAppend {
  Batch batch;
  AppendDone done;
  AppendResult result;
};
struct PendingHello {
  ProducerHello hello;
  AppendDone done;
  AppendResult result;
};
using WriteItem = std::variant<PendingAppend, PendingHello>;

// Places between two durable steps, where a crash must do no harm. Tests stop the process there.
enum class CommitPoint : uint8_t { kBeforeDays, kAfterDay, kAfterDays, kAfterCatalogue };

struct CommitCounts {
  uint64_t finals = 0;
  uint64_t opens = 0;
  uint64_t gaps = 0;
  uint64_t duplicate_batches = 0;
  uint64_t duplicate_finals = 0;
  uint64_t dead_letters = 0;
};

class Committer {
 public:
  using Hook = std::function<void(CommitPoint)>;
  static base::Result<std::unique_ptr<Committer>> open(const std::string& directory, StoreView& view, Hook hook);

  // Handles a group. On success every item's result is set and true for the disk; on error no result is.
  base::Status commit(std::vector<WriteItem>& items, int64_t now_ms);
  // What the last commit did; records point into its items.
  const CommitCounts& counts() const { return counts_; }
  // Borrows the parsed records from their batches, which `items` owns.
  std::vector<SharedRecord> committed_records(int64_t now_ms, const std::shared_ptr<void>& items) const;

  // Deletes the day files that ended before `before_ms`, and open events that began before it.
  base::Result<uint32_t> drop_before(int64_t before_ms, int64_t now_ms);

  // Puts a bite of compaction in place, or gives unused pages back (how many are left). Nothing happens to a day that
  // is past retention meanwhile.
  base::Status replace_blocks(int64_t day, const CompactionBite& bite);
  base::Result<uint64_t> release_pages(int64_t day);

  uint64_t next_offset() const { return next_offset_; }
  uint64_t open_events() const { return open_events_.size(); }
  uint64_t dead_letters() const { return dead_letters_; }
  const std::unordered_map<uint64_t, ProducerState>& producers() const { return producers_; }

 private:
  struct OpenChange {
    const IncomingRecord* record = nullptr;  // null: erased
    OpenState state;
    bool known = false;  // stands in the catalogue
  };
  struct DeadLetter {
    uint64_t producer_id;
    uint64_t sequence;
    const IncomingRecord* record;
  };
  struct DayGroup {
    std::vector<FinalRow> rows;
    std::unordered_map<uint64_t, uint64_t> applied;  // producer -> highest sequence of the group
  };
  // What one commit collects; emptied by the next.
  struct Group {
    std::map<int64_t, DayGroup> days;
    std::unordered_map<std::string, OpenChange> opens;
    std::unordered_set<std::string_view> finals;  // ids, for opens that come after them
    std::deque<std::string> own_ids;              // of records that bring none
    std::unordered_map<uint64_t, ProducerState> producers;
    std::vector<DeadLetter> dead_letters;
  };

  Committer(std::string directory, StoreView& view, Hook hook);
  base::Status load();

  ProducerState* producer(uint64_t id, const std::string& source, const std::string& observed_by, AppendResult& result);
  void take_batch(PendingAppend& item);
  void take_hello(PendingHello& item);
  void take_record(const Batch& batch, size_t at);
  void take_open(const Batch& batch, const IncomingRecord& record, uint64_t sequence);
  void take_final(const events::v1::Record& record, std::string_view bytes, uint64_t producer_id, uint64_t sequence);
  bool stored_already(const FinalRow& row);
  base::Status write_days();
  base::Status write_catalogue();
  void settle_open(const std::string& id, OpenChange& change);
  void publish_days();
  base::Result<DayFile*> day_file(int64_t day);

  const std::string directory_;
  StoreView& view_;
  const Hook hook_;
  std::unique_ptr<CatalogueFile> catalogue_;
  std::map<int64_t, DayInfo> days_;
  std::map<int64_t, std::unique_ptr<DayFile>> writers_;
  std::vector<int64_t> writer_use_;  // days with an open writer, least recently used first
  std::unordered_map<uint64_t, ProducerState> producers_;
  std::unordered_map<std::string, OpenState> open_events_;
  std::unordered_map<int64_t, std::string> open_keys_;
  std::unordered_map<uint64_t, uint64_t> doubt_;  // producer -> a day file may hold records up to this sequence
  std::vector<int64_t> doubt_days_;
  uint64_t next_offset_ = 1;
  uint64_t dead_letters_ = 0;

  int64_t now_ms_ = 0;
  base::Status status_ = base::Unit{};
  Group group_;
  CommitCounts counts_;
};

}  // namespace sluice::store
