#pragma once
// Spool: one producer's directory on disk, shared by who writes it, who syncs it and who ships it.
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/report/fd.h"
#include "proxy/report/spool_budget.h"

namespace sluice::report {

// "0000000000000001.seg"
std::string segment_file_name(uint64_t first_seq);
std::optional<uint64_t> parse_segment_file_name(const std::string& name);

// The segments of one producer, its lock, and how far each party has come: written (in the kernel) >= synced (on disk,
// may be shipped) >= committed (durable in the store, may be deleted).
// Lifetime: owned by SpoolRoot until the process ends. Thread-safe; who may call what stands at each group. Positions
// are atomics, the segment list has a mutex that is never held over input or output on the data of a segment.
class Spool {
 public:
  struct Segment {
    uint64_t first_seq = 0;
    std::filesystem::path path;
  };

  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  uint64_t producer_id() const { return producer_id_; }
  const std::filesystem::path& directory() const { return directory_; }
  uint64_t written_seq() const { return written_seq_.load(std::memory_order_acquire); }
  uint64_t synced_seq() const { return synced_seq_.load(std::memory_order_acquire); }
  uint64_t committed_seq() const { return committed_seq_.load(std::memory_order_acquire); }
  uint64_t dropped_records() const { return dropped_records_.load(std::memory_order_relaxed); }
  uint64_t sync_errors() const { return sync_errors_.load(std::memory_order_relaxed); }
  // Nothing will be written any more: adopted, or its writer is gone.
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  bool adopted() const { return adopted_; }
  // Closed and everything committed.
  bool drained() const;
  // Everything up to written_seq() is committed.
  bool all_committed() const { return committed_seq() >= written_seq(); }

  // --- readers, any thread ---
  // Lowest sequence still on disk (or to be written next).
  uint64_t first_held_seq() const;
  // The segment that holds `seq` or, if that one is gone, the next later one; none if there is none.
  std::optional<Segment> segment_for(uint64_t seq) const;
  // The segment after the one that begins with `first_seq`.
  std::optional<Segment> segment_after(uint64_t first_seq) const;

  // --- shipper ---
  // Everything up to `seq` is durable in the store: deletes segments that are no longer needed.
  void commit(uint64_t seq);
  // Deletes a drained spool from disk, unless events were still open when its writer went: then it stays for the next
  // start, which adopts it and declares them truncated. False: try again later.
  bool remove_drained();

  // --- writer's thread ---
  // Begins a new segment; the descriptor belongs to the spool and stays open until the next one is begun and synced.
  base::Result<int> begin_segment(uint64_t first_seq);
  // `bytes` more are in the current segment, up to `last_seq`.
  void publish_written(uint64_t last_seq, uint64_t bytes);
  // The current segment begins with the records of all open events, up to `last_seq`: older segments may go.
  void head_written(uint64_t last_seq);
  // No more writes. `open_events`: some event has no final record.
  void close(bool open_events);

  // --- sync thread ---
  void sync();

  // --- any thread: room for others ---
  // When the oldest segment that may be dropped was begun (epoch ms); none if there is none.
  std::optional<int64_t> oldest_droppable_time() const;
  bool drop_oldest_segment();

 private:
  friend class SpoolRoot;
  friend class SpoolAdopter;

  struct Part {
    uint64_t first_seq = 0;
    uint64_t bytes = 0;
    int64_t begun_ms = 0;
    uint64_t head_last_seq = 0;
    bool head_complete = false;
    bool sealed = false;  // a later segment was begun
    Fd fd;                // open until sealed and synced; only sync() and the destructor close it
  };

  Spool(SpoolBudget& budget, std::filesystem::path directory, uint64_t producer_id, Fd lock, bool adopted);
  std::filesystem::path path_of(const Part& part) const { return directory_ / segment_file_name(part.first_seq); }
  void seal_last();
  void erase_front();
  void trim();

  SpoolBudget& budget_;
  const std::filesystem::path directory_;
  const uint64_t producer_id_;
  const bool adopted_;
  Fd lock_;  // flock for as long as this object lives
  std::atomic<uint64_t> written_seq_{0};
  std::atomic<uint64_t> synced_seq_{0};
  std::atomic<uint64_t> committed_seq_{0};
  std::atomic<uint64_t> dropped_records_{0};
  std::atomic<uint64_t> sync_errors_{0};
  std::atomic<uint64_t> active_bytes_{0};  // of the segment being written; its Part learns them when it is sealed
  std::atomic<bool> closed_{false};

  mutable std::mutex mutex_;
  std::deque<Part> parts_;        // by first_seq
  bool directory_dirty_ = false;  // a segment was created since the directory was last synced
  bool keep_for_adoption_ = false;
  bool syncing_ = false;  // sync() is using descriptors outside the mutex
  bool removed_ = false;
};

}  // namespace sluice::report
