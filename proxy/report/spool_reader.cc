#include "proxy/report/spool_reader.h"

#include <algorithm>
#include <string>

#include "proxy/base/time.h"
#include "proxy/report/limits.h"

namespace sluice::report {

using events::v1::Gap;

void SpoolReader::seek(uint64_t seq) {
  next_seq_ = seq;
  segment_.reset();
  entries_.reset();
  peeked_.reset();
}

bool SpoolReader::read(uint32_t records_max, size_t bytes_max, SpoolBatch& out) {
  out.first_seq = next_seq_;
  out.count = 0;
  out.lost = 0;
  out.payload.clear();
  placed_.clear();
  last_open_.clear();
  superseded_ = false;
  if (segment_ && !entries_ && !peeked_) segment_->forget_ahead();
  // Before any byte is read: everything up to here is complete in the files.
  const uint64_t limit = spool_.synced_seq();
  while (next_seq_ <= limit && out.count < records_max) {
    if (!peeked_ && !load_frame(limit)) {
      if (out.count == 0) read_hole(limit, out);
      return out.count > 0;
    }
    if (entry_seq_ > limit) break;
    if (entry_seq_ > next_seq_) {
      if (out.count == 0) {
        read_hole(entry_seq_ - 1, out);
        return true;
      }
      break;
    }
    if (out.count > 0 && out.payload.size() + peeked_->record.size() > bytes_max) break;
    take(*peeked_, out);
    peeked_.reset();
    ++entry_seq_;
    ++next_seq_;
  }
  if (superseded_) empty_superseded(out);
  return out.count > 0;
}

// Makes the entry at next_seq_, or the first one after it, the peeked one. False if the files have none.
bool SpoolReader::load_frame(uint64_t limit) {
  for (;;) {
    while (entries_) {
      Entry entry;
      const auto status = entries_->next(entry);
      if (status != EntryReader::Status::kEntry) {
        // Fewer entries than the head said: its checksum was right, so it was written wrong. The rest is a hole.
        if (entry_seq_ <= frame_last_seq_) hole_reason_ = Gap::REASON_SPOOL_CORRUPT;
        entries_.reset();
        break;
      }
      if (entry_seq_ >= next_seq_) {
        peeked_ = entry;
        return true;
      }
      ++entry_seq_;
    }
    if (next_seq_ > limit) return false;
    if (!segment_ && !open_segment()) return false;
    Frame frame;
    const auto status = segment_->next(next_seq_, frame);
    if (segment_->take_damaged_bytes() > 0 || status == SegmentReader::Status::kError) {
      hole_reason_ = Gap::REASON_SPOOL_CORRUPT;
    }
    if (status != SegmentReader::Status::kFrame) {
      if (!next_segment()) return false;
      continue;
    }
    auto payload = unpack_payload(static_cast<uint32_t>(frame.codec), frame.payload, unpacked_);
    if (!payload) {
      hole_reason_ = Gap::REASON_SPOOL_CORRUPT;
      continue;
    }
    entries_.emplace(*payload);
    entry_seq_ = frame.first_seq;
    frame_last_seq_ = frame.last_seq();
  }
}

bool SpoolReader::open_segment() {
  // A segment may be dropped between asking for it and opening it; then there is another answer.
  for (std::optional<Spool::Segment> segment = spool_.segment_for(next_seq_); segment;) {
    if (auto reader = SegmentReader::open(segment->path)) {
      // Not in any segment: they were dropped. In one, a missing frame was never written, unless bytes are damaged.
      hole_reason_ = segment->first_seq > next_seq_ ? Gap::REASON_SPOOL_FULL : Gap::REASON_WRITE_ERROR;
      segment_.emplace(std::move(*reader));
      segment_first_seq_ = segment->first_seq;
      return true;
    }
    auto again = spool_.segment_for(next_seq_);
    if (again && again->first_seq == segment->first_seq) {
      hole_reason_ = Gap::REASON_SPOOL_CORRUPT;
      again = spool_.segment_after(segment->first_seq);
    }
    segment = std::move(again);
  }
  return false;
}

// Goes on with the segment after the current one; false (and the current one stays) if it is the last.
bool SpoolReader::next_segment() {
  std::optional<Spool::Segment> segment = spool_.segment_after(segment_first_seq_);
  if (!segment) {
    segment_->forget_ahead();
    return false;
  }
  const bool damaged = hole_reason_ == Gap::REASON_SPOOL_CORRUPT;
  segment_.reset();
  auto reader = SegmentReader::open(segment->path);
  if (!reader) return open_segment();
  segment_.emplace(std::move(*reader));
  segment_first_seq_ = segment->first_seq;
  if (!damaged) hole_reason_ = segment->first_seq > next_seq_ ? Gap::REASON_SPOOL_FULL : Gap::REASON_WRITE_ERROR;
  return true;
}

void SpoolReader::take(const Entry& entry, SpoolBatch& out) {
  const size_t at = out.payload.size();
  append_entry(out.payload, entry);
  if (entry.kind == EntryKind::kOpen || entry.kind == EntryKind::kFinal) {
    const auto [found, inserted] = last_open_.try_emplace(entry.counter, placed_.size());
    if (!inserted) {
      Placed& earlier = placed_[found->second];
      if (earlier.entry.kind == EntryKind::kOpen) {
        earlier.entry.kind = EntryKind::kEmpty;
        superseded_ = true;
      }
      found->second = placed_.size();
    }
  }
  placed_.push_back({entry, at, out.payload.size() - at});
  placed_.back().entry.record = {};  // borrowed from a frame that goes; the payload has the bytes
  ++out.count;
  hole_reason_ = Gap::REASON_WRITE_ERROR;
}

void SpoolReader::empty_superseded(SpoolBatch& out) {
  rewritten_.clear();
  for (const Placed& placed : placed_) {
    if (placed.entry.kind == EntryKind::kEmpty) {
      append_entry(rewritten_, placed.entry);
    } else {
      const auto begin = out.payload.begin() + static_cast<std::ptrdiff_t>(placed.at);
      rewritten_.insert(rewritten_.end(), begin, begin + static_cast<std::ptrdiff_t>(placed.bytes));
    }
  }
  out.payload.swap(rewritten_);
}

void SpoolReader::read_hole(uint64_t last, SpoolBatch& out) {
  // Below what was acknowledged before: this store is not the one that has them.
  const auto reason = last <= spool_.committed_seq() ? Gap::REASON_UNSPECIFIED : hole_reason_;
  write_gap(std::min<uint64_t>(last, next_seq_ + batch_records_max - 1), reason, out);
}

void SpoolReader::give_up_one(SpoolBatch& out) {
  const uint64_t seq = next_seq_;
  write_gap(seq, Gap::REASON_SPOOL_CORRUPT, out);
  seek(seq + 1);
}

void SpoolReader::write_gap(uint64_t last, Gap::Reason reason, SpoolBatch& out) {
  events::v1::Record record;
  Gap& gap = *record.mutable_gap();
  gap.set_first_seq(next_seq_);
  gap.set_last_seq(last);
  gap.set_reason(reason);
  gap.set_timestamp(base::epoch_ms(base::wall_now()));
  gap.set_observed_by(observed_by_);
  const std::string bytes = record.SerializeAsString();
  out.first_seq = next_seq_;
  out.count = static_cast<uint32_t>(last - next_seq_ + 1);
  out.lost = out.count;
  out.payload.clear();
  append_entry(out.payload, {EntryKind::kOther, 0, base::as_bytes(bytes)});
  for (uint32_t i = 1; i < out.count; ++i) append_entry(out.payload, {EntryKind::kEmpty, 0, {}});
  next_seq_ = last + 1;
}

}  // namespace sluice::report
