#pragma once
// SpoolReader: the records of one spool as wire batches, holes included.
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/report/frame.h"
#include "proxy/report/segment_reader.h"
#include "proxy/report/spool.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::report {

// Records first_seq .. first_seq + count - 1 as entries, not compressed.
struct SpoolBatch {
  uint64_t first_seq = 0;
  uint32_t count = 0;
  uint64_t lost = 0;  // of them: sequences of a hole
  std::vector<uint8_t> payload;
  uint64_t last_seq() const { return first_seq + count - 1; }
};

// A cursor over everything of a spool that is synced. An open record that a later one of the same batch supersedes
// comes as an empty entry. A hole (dropped segments, damage, records that found no room) comes as batches of its own,
// each of which begins with a Gap record for exactly its sequences, so that gaps are exact however delivery is
// interrupted. Borrows the spool. Used by one thread at a time.
class SpoolReader {
 public:
  SpoolReader(Spool& spool, std::string observed_by) : spool_(spool), observed_by_(std::move(observed_by)) {}

  // The next batch begins with `seq`.
  void seek(uint64_t seq);
  uint64_t next_seq() const { return next_seq_; }

  // False if nothing is there; else `out` has at least one and at most `records_max` records (holes may be longer), and
  // about `bytes_max` bytes.
  bool read(uint32_t records_max, size_t bytes_max, SpoolBatch& out);
  // Gives up the record at next_seq(): a batch of one gap in its place.
  void give_up_one(SpoolBatch& out);

 private:
  struct Placed {
    Entry entry;
    size_t at = 0;  // in the payload
    size_t bytes = 0;
  };

  bool load_frame(uint64_t limit);
  bool open_segment();
  bool next_segment();
  void read_hole(uint64_t last, SpoolBatch& out);
  void write_gap(uint64_t last, events::v1::Gap::Reason reason, SpoolBatch& out);
  void take(const Entry& entry, SpoolBatch& out);
  void empty_superseded(SpoolBatch& out);

  Spool& spool_;
  const std::string observed_by_;
  uint64_t next_seq_ = 1;

  std::optional<SegmentReader> segment_;
  uint64_t segment_first_seq_ = 0;
  events::v1::Gap::Reason hole_reason_ = events::v1::Gap::REASON_SPOOL_FULL;  // if the next frame comes late

  // The frame being taken apart: its entries, the sequence of the next one, and the buffer if it was compressed.
  std::optional<EntryReader> entries_;
  uint64_t entry_seq_ = 0;
  uint64_t frame_last_seq_ = 0;
  std::optional<Entry> peeked_;
  std::vector<uint8_t> unpacked_;

  std::vector<Placed> placed_;                      // entries of the batch being built
  std::unordered_map<uint64_t, size_t> last_open_;  // event counter -> index in placed_
  bool superseded_ = false;
  std::vector<uint8_t> rewritten_;
};

}  // namespace sluice::report
