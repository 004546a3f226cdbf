#pragma once
// EventStore: keeps every record exactly once, and finds it again. Two implementations are meant: SQLite files on this
// machine (events/store/sqlite_store.h) and, later, ClickHouse.
//
// Names: a *record* is what producers send (page event, gap, audit, notice). A page event is *open* until its final
// (closed or truncated) record comes; opens are replaced by id, a final is immutable and has a *store offset*: strictly
// increasing in commit order, never reused. Gap, audit and notice records are final from the start.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "sluice/events/v1/page_event.pb.h"
#include "sluice/events/v1/query.pb.h"

namespace google::protobuf {
class Arena;
}

namespace sluice::store {

namespace v1 = ::sluice::events::v1;

struct Filter;           // events/store/filter.h
struct AggregateQuery;   // events/store/aggregate.h
struct AggregateAnswer;  // events/store/aggregate.h

// The numbers of the field `record_type` (those of Record's cases).
enum class RecordType : uint8_t { kPageEvent = 1, kGap = 2, kAudit = 3, kNotice = 4 };

// ---- appending ------------------------------------------------------------------------------------------------------

struct IncomingRecord {
  enum class Kind : uint8_t {
    kEmpty,   // a sequence number without content (an open record superseded before it was shipped)
    kOpen,    // page event that still runs
    kFinal,   // closed or truncated page event, gap, audit, notice
    kPoison,  // cannot be stored; goes to the dead letters with `reason`
  };
  Kind kind = Kind::kEmpty;
  std::string_view bytes;              // serialized Record exactly as sent (unknown fields included), in the batch
  const v1::Record* record = nullptr;  // the parsed form, in Batch::arena; set for kOpen and kFinal
  std::string reason;                  // kPoison: one sentence
};

// A run of consecutive records of one producer. Owns all that its records point to; movable between threads.
struct Batch {
  Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  ~Batch();

  uint64_t producer_id = 0;
  std::string source;       // who was authenticated: certificate name, or "loopback"
  std::string observed_by;  // PoP or device name, for display
  uint64_t first_seq = 0;   // records[i] has the sequence first_seq + i
  std::string payload;      // as sent, and decompressed if it was compressed; not touched once `records` point into it
  std::vector<uint8_t> unpacked;
  std::unique_ptr<google::protobuf::Arena> arena;
  std::vector<IncomingRecord> records;
};

struct AppendResult {
  enum class Code : uint8_t {
    kCommitted,    // everything up to committed_seq is durable (a duplicate batch too)
    kOutOfRange,   // a hole before first_seq: the producer goes back to committed_seq + 1
    kForbidden,    // the producer_id belongs to another source
    kUnavailable,  // cannot write now; nothing of this batch is acknowledged, retry later
  };
  Code code = Code::kUnavailable;
  uint64_t committed_seq = 0;
  uint32_t retry_after_ms = 0;  // kUnavailable
  std::string message;          // all but kCommitted: one sentence
};
using AppendDone = std::function<void(AppendResult)>;

struct ProducerHello {
  uint64_t producer_id = 0;
  std::string source;
  std::string observed_by;
};

// ---- searching ------------------------------------------------------------------------------------------------------

// Hot columns are named as the fields (field.h) and hold what Field::column() returns; hot_columns() in
// events/store/hot_column.h lists them. A filter on any other field costs decoding each record that the rest of the
// filter lets through. Indexed: host, user, app and timestamp.
struct SearchQuery {
  const Filter* filter = nullptr;  // null matches everything; borrowed during the call
  int64_t start_time = 0;          // inclusive, epoch ms of `timestamp`; 0 = open
  int64_t end_time = 0;            // exclusive; 0 = open
  bool primary_only = true;        // view primary
  bool page_events_only = true;    // false when the query speaks of record_type
  bool finals_only = false;        // leave out events that are still open
  uint32_t limit = 100;            // records per page
  std::string page_token;          // from the previous page of the same query
  uint64_t fingerprint = 0;        // hash of query text and view; a token of another query is refused
  std::chrono::milliseconds budget{2000};
};

struct SearchPage {
  std::vector<v1::StoredRecord> records;  // newest `timestamp` first; offset 0 = still open
  std::string next_page_token;            // empty: no more
  bool partial = false;                   // the budget ended the search; next_page_token goes on where it stopped
};

struct ReadError {
  enum class Code : uint8_t { kBadToken, kUnavailable };
  Code code = Code::kUnavailable;
  std::string message;
};

// ---- reading in store order -----------------------------------------------------------------------------------------

struct OffsetPage {
  std::vector<v1::StoredRecord> records;  // finals, ascending offset, all views, all record types
  uint64_t next_offset = 0;               // read on after this one
  bool caught_up = false;                 // nothing newer was committed when this page was read
};

using SharedRecord = std::shared_ptr<const v1::StoredRecord>;

// A live view of what is committed from now on: finals and open events (offset 0). Unfiltered: the reader filters on
// its own thread. Destroying it ends it; destroy it before the store. poll() may be called from any one thread at a
// time.
class Subscription {
 public:
  // Records of one commit, shared by all subscriptions. Those before `first` were lost to this one.
  struct Piece {
    std::shared_ptr<const std::vector<SharedRecord>> records;
    size_t first = 0;
  };
  struct Update {
    std::vector<Piece> pieces;
    // All records of all pieces.
    std::vector<SharedRecord> records() const;
    uint64_t next_offset = 0;  // everything up to here was delivered or counted in `skipped`
    uint64_t skipped = 0;      // records lost to this slow reader since the last poll
    bool ended = false;        // the store is closing
  };
  virtual ~Subscription() = default;
  // Takes what is queued, without waiting.
  virtual Update poll() = 0;
  // Finals up to here are NOT delivered by this subscription (read them with EventStore::read).
  virtual uint64_t start_offset() const = 0;
};

struct BackupResult {
  uint32_t files = 0;
  uint64_t bytes = 0;
};

// ---- the store ------------------------------------------------------------------------------------------------------

struct StoreCounters {
  uint64_t finals = 0;  // committed since start
  uint64_t opens = 0;
  uint64_t duplicate_batches = 0;
  uint64_t duplicate_finals = 0;  // a second final of one event_id: ignored
  uint64_t dead_letters = 0;
  uint64_t gaps = 0;
  uint64_t commits = 0;
  uint64_t write_errors = 0;
  uint64_t searches = 0;
  uint64_t partial_searches = 0;
  uint64_t queued_records = 0;
  uint64_t open_events = 0;
  uint64_t last_offset = 0;
};

// All functions may be called from any thread.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // Says what is committed for a producer, after everything queued before, and makes it the source's own. `done` runs
  // once, on the writer thread, and must not block.
  // False, and no call of `done`, once the store is closing.
  virtual bool open_producer(ProducerHello hello, AppendDone done) = 0;

  // Queues a batch; `done` runs once, on the writer thread, after the batch is durable (or was refused), and must not
  // block. Batches of one producer are handled in the order of the calls.
  // False, and no call of `done`, once the store is closing.
  virtual bool append(Batch batch, AppendDone done) = 0;

  // False while more is queued than the writer should have: stop reading from producers that have something pending.
  virtual bool has_room() const = 0;

  virtual base::Result<SearchPage, ReadError> search(const SearchQuery& query) = 0;

  // Sums over final events, from roll-ups where that suffices; see events/store/aggregate.h.
  virtual base::Result<AggregateAnswer, ReadError> aggregate(const AggregateQuery& query) = 0;

  // Finals with an offset above `after_offset`, at most `limit`.
  virtual base::Result<OffsetPage, ReadError> read(uint64_t after_offset, uint32_t limit) = 0;

  // An offset that no final of an event that began at or after `time_ms` stands at or before; as late as is known
  // without looking at rows.
  virtual uint64_t offset_before(int64_t time_ms) const = 0;

  // `ready` runs on the writer thread when the queue turns from empty to not empty; it must not block nor call the
  // subscription. At most `queue_records_max` wait for a slow reader, further ones are skipped and counted.
  virtual std::unique_ptr<Subscription> subscribe(uint32_t queue_records_max, std::function<void()> ready) = 0;

  // Sums, and the producers that were seen last (at most 1,000).
  virtual base::Result<v1::StatsResponse, ReadError> stats() = 0;
  virtual StoreCounters counters() const = 0;

  // Deletes the days that ended more than `retention_days` before `now_ms`; 0 keeps all. Returns how many went.
  virtual base::Result<uint32_t> retention(int64_t now_ms, uint32_t retention_days) = 0;

  // Joins the small blocks of days that have been over for a while and gives the space back, as long as `go_on` says
  // so. Works on the caller's thread, with short turns on the writer's. Returns how many blocks went.
  virtual base::Result<uint64_t> compact(int64_t now_ms, const std::function<bool()>& go_on) = 0;

  // Writes a copy of the store, as of one moment of each file, into a new folder. Does not hold up writing.
  virtual base::Result<BackupResult, ReadError> backup(const std::string& directory) = 0;

  // True when the last attempt to write worked.
  virtual bool writable() const = 0;

  // Commits what is queued, then refuses further appends. Idempotent.
  virtual void close() = 0;
};

}  // namespace sluice::store
