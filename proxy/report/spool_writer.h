#pragma once
// SpoolWriter: a worker's way to put records on disk, with one write per loop turn.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/base/result.h"
#include "proxy/report/frame.h"
#include "proxy/report/spool.h"
#include "proxy/report/spool_root.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::report {

enum class FlushStatus {
  kDone,       // everything appended is in the kernel (also when there was nothing)
  kSpoolFull,  // spool.max_bytes is reached; records wait in memory
  kDiskFull,   // the file system has no room (ENOSPC, EDQUOT, EFBIG); records wait in memory
  kDiskError,  // any other write error; records wait in memory
};

// Owns the producer: its id, its event counters, its record sequence and the writing end of its spool.
// Lifetime: created by and outlived by its SpoolRoot. Thread: the worker's only; readers on other threads see what was
// flushed through the Spool. No lock is taken except when a segment is begun or dropped.
class SpoolWriter {
 public:
  // Called at the start of every segment but the first; appends (append_event, final = false) the current record of
  // every event still open, so that older segments may go. Runs on the worker's thread inside flush().
  using RewriteOpenEvents = std::function<void(SpoolWriter&)>;

  // A new producer with a random id and a locked directory of its own.
  static base::Result<std::unique_ptr<SpoolWriter>> create(SpoolRoot& root, RewriteOpenEvents rewrite_open_events);
  // Flushes and hands the spool over: shipped to its end, then removed.
  ~SpoolWriter();
  SpoolWriter(const SpoolWriter&) = delete;
  SpoolWriter& operator=(const SpoolWriter&) = delete;

  uint64_t producer_id() const { return spool_.producer_id(); }
  // The next event counter, from 1; with producer_id() it is the event id.
  uint64_t allocate_event_counter() { return ++last_event_counter_; }

  // May a new flow be admitted? False while the spool is full or the disk refuses (with WhenFull::kRefuseNewFlows).
  bool accepting() const;

  // Serialises one revision of an event into the pending frame; on disk after flush(). While the spool is full, updates
  // (not final, revision above 1) are skipped: the next record of that event says the same and more.
  void append_event(uint64_t counter, bool final, const events::v1::PageEvent& event);
  // Anything else: gaps, audits, notices.
  void append(const events::v1::Record& record);

  // One write for everything pending; call it once per loop turn, before the turn's socket writes. Begins a new segment
  // when the current one is large enough. After a failure everything is kept for the next call.
  FlushStatus flush();

  uint64_t last_sequence() const { return next_seq_ - 1; }
  // Records that found no room in memory while the disk refused; their sequences are a hole that the store hears of.
  uint64_t dropped_records() const { return dropped_records_; }
  uint64_t skipped_updates() const { return skipped_updates_; }
  uint64_t write_errors() const { return write_errors_; }
  size_t pending_bytes() const { return used_; }
  Spool& spool() { return spool_; }

 private:
  SpoolWriter(SpoolRoot& root, Spool& spool, int fd, RewriteOpenEvents rewrite_open_events);

  uint8_t* begin_entry(EntryKind kind, uint64_t counter, size_t record_bytes);
  void seal_frame();
  FlushStatus write_pending();
  FlushStatus failed(int error);
  bool make_room(uint64_t bytes);
  bool segment_is_due() const;
  void begin_segment();
  void append_alarm();

  SpoolRoot& root_;
  Spool& spool_;
  RewriteOpenEvents rewrite_open_events_;
  uint64_t last_event_counter_ = 0;
  uint64_t next_seq_ = 1;

  // Pending frames, the last one perhaps still growing: [sealed frames][head, entries of the open frame].
  std::vector<uint8_t> pending_;
  size_t used_ = 0;
  uint64_t pending_seq_ = 0;      // first sequence in pending_
  size_t frame_at_ = 0;           // of the open frame's head
  uint32_t frame_count_ = 0;      // entries in the open frame; 0 = no frame is open
  uint64_t frame_seq_ = 0;        // of the open frame's first entry
  uint64_t last_framed_seq_ = 0;  // last sequence in a sealed frame

  int fd_;                      // of the current segment; the spool's
  uint64_t segment_bytes_ = 0;  // written to the current segment
  uint64_t head_bytes_ = 0;     // of those: up to the last record of the segment's head
  uint64_t open_events_ = 0;    // events with a first and no final record
  bool failing_ = false;        // the last write failed
  bool rewriting_ = false;      // inside rewrite_open_events_
  bool head_pending_ = false;   // the head of the current segment is complete but not yet written
  bool may_exceed_ = false;     // this head may exceed the budget
  uint64_t dropped_records_ = 0;
  uint64_t skipped_updates_ = 0;
  uint64_t write_errors_ = 0;
};

}  // namespace sluice::report
