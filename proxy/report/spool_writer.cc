#include "proxy/report/spool_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proxy/base/assert.h"
#include "proxy/base/time.h"
#include "proxy/report/limits.h"

namespace sluice::report {

namespace {

// Field 1 (page_event) of Record, length-delimited: wrapping an event costs a tag and a length, not a copy.
constexpr uint8_t page_event_tag = 1 << 3 | 2;
// Kept between turns; what a burst grew beyond is given back.
constexpr size_t pending_bytes_kept = 256 * 1024;
// While open events are rewritten, what is pending is written whenever it exceeds this.
constexpr size_t rewrite_bytes_step = 1024 * 1024;
// A full spool begins a new segment early once this much of the current one is neither its head nor unacknowledged.
constexpr uint64_t early_segment_bytes_min = 4 * 1024;

bool is_disk_full(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

}  // namespace

base::Result<std::unique_ptr<SpoolWriter>> SpoolWriter::create(SpoolRoot& root, RewriteOpenEvents rewrite_open_events) {
  auto spool = root.create_spool();
  if (!spool) return spool.error();
  auto fd = (*spool)->begin_segment(1);
  if (!fd) return fd.error();
  (*spool)->head_written(0);
  return std::unique_ptr<SpoolWriter>(new SpoolWriter(root, **spool, *fd, std::move(rewrite_open_events)));
}

SpoolWriter::SpoolWriter(SpoolRoot& root, Spool& spool, int fd, RewriteOpenEvents rewrite_open_events)
    : root_(root),
      spool_(spool),
      rewrite_open_events_(std::move(rewrite_open_events)),
      pending_(pending_bytes_kept),
      fd_(fd) {}

SpoolWriter::~SpoolWriter() {
  write_pending();
  // What could not be written is a hole at the end: the reader reports it as a gap.
  spool_.publish_written(next_seq_ - 1, 0);
  spool_.close(open_events_ > 0);
  root_.request_sync(true);
}

bool SpoolWriter::accepting() const {
  if (root_.budget().when_full() == WhenFull::kDropOldest) return true;
  return !failing_ && root_.budget().has_room();
}

void SpoolWriter::append_event(uint64_t counter, bool final, const events::v1::PageEvent& event) {
  SLUICE_ASSERT(counter != 0);
  const bool first = event.revision() <= 1;
  if (first && !final) ++open_events_;
  if (!first && final && open_events_ > 0) --open_events_;
  if (!first && !final && !rewriting_ && !accepting()) {
    ++skipped_updates_;
    return;
  }
  const size_t event_bytes = event.ByteSizeLong();
  const size_t record_bytes = 1 + varint_bytes(event_bytes) + event_bytes;
  uint8_t* at = begin_entry(final ? EntryKind::kFinal : EntryKind::kOpen, counter, record_bytes);
  if (at == nullptr) return;
  *at++ = page_event_tag;
  at = write_varint(at, event_bytes);
  event.SerializeWithCachedSizesToArray(at);
}

void SpoolWriter::append(const events::v1::Record& record) {
  const size_t record_bytes = record.ByteSizeLong();
  uint8_t* at = begin_entry(EntryKind::kOther, 0, record_bytes);
  if (at != nullptr) record.SerializeWithCachedSizesToArray(at);
}

// Makes room for an entry in the open frame and gives it the next sequence; null if it had to be dropped. A dropped
// record takes its sequence with it: the hole between two frames is what tells the store.
uint8_t* SpoolWriter::begin_entry(EntryKind kind, uint64_t counter, size_t record_bytes) {
  const size_t bytes = entry_bytes(counter, record_bytes);
  if (rewriting_ && used_ + bytes > rewrite_bytes_step) write_pending();
  if (record_bytes == 0 || record_bytes > record_bytes_max || used_ + frame_head_bytes + bytes > pending_bytes_max) {
    seal_frame();
    ++next_seq_;
    ++dropped_records_;
    return nullptr;
  }
  if (frame_count_ != 0 && used_ + bytes - frame_at_ > frame_bytes_target) seal_frame();
  const size_t needed = used_ + frame_head_bytes + bytes;
  if (needed > pending_.size()) pending_.resize(std::max(needed, std::min(pending_.size() * 2, pending_bytes_max)));
  if (frame_count_ == 0) {
    if (used_ == 0) pending_seq_ = next_seq_;
    frame_at_ = used_;
    frame_seq_ = next_seq_;
    used_ += frame_head_bytes;
  }
  uint8_t* at = write_entry_head(pending_.data() + used_, kind, counter, record_bytes);
  used_ += bytes;
  ++frame_count_;
  ++next_seq_;
  return at;
}

void SpoolWriter::seal_frame() {
  if (frame_count_ == 0) return;
  uint8_t* head = pending_.data() + frame_at_;
  const size_t payload_at = frame_at_ + frame_head_bytes;
  write_frame_head(head, frame_seq_, frame_count_, Codec::kNone, {pending_.data() + payload_at, used_ - payload_at});
  last_framed_seq_ = frame_seq_ + frame_count_ - 1;
  frame_count_ = 0;
}

FlushStatus SpoolWriter::flush() {
  if (used_ == 0 && !segment_is_due()) return FlushStatus::kDone;
  if (root_.budget().take_alarm()) append_alarm();
  FlushStatus status = write_pending();
  if (segment_is_due()) {
    begin_segment();
    status = write_pending();
  }
  return status;
}

FlushStatus SpoolWriter::write_pending() {
  if (used_ > 0) {
    seal_frame();
    if (!make_room(used_)) {
      failing_ = true;
      return FlushStatus::kSpoolFull;
    }
    size_t done = 0;
    while (done < used_) {
      const ssize_t count =
          ::pwrite(fd_, pending_.data() + done, used_ - done, static_cast<off_t>(segment_bytes_ + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failed(count == 0 ? ENOSPC : errno);
      done += static_cast<size_t>(count);
    }
    segment_bytes_ += used_;
    spool_.publish_written(last_framed_seq_, used_);
    used_ = 0;
    if (pending_.size() > pending_bytes_kept) std::vector<uint8_t>(pending_bytes_kept).swap(pending_);
    root_.request_sync(last_framed_seq_ >= spool_.synced_seq() + sync_records_max);
  }
  failing_ = false;
  if (head_pending_ && !rewriting_) {
    head_pending_ = false;
    may_exceed_ = false;
    head_bytes_ = segment_bytes_;
    spool_.head_written(next_seq_ - 1);
    root_.request_sync(false);
  }
  return FlushStatus::kDone;
}

// The pending frames stay and are written again at the same place, where they cover whatever a torn write left; the
// truncation only spares the adopter that work if we die first, so its own failure changes nothing.
FlushStatus SpoolWriter::failed(int error) {
  root_.budget().release(used_);
  [[maybe_unused]] const int truncated = ::ftruncate(fd_, static_cast<off_t>(segment_bytes_));
  failing_ = true;
  ++write_errors_;
  return is_disk_full(error) ? FlushStatus::kDiskFull : FlushStatus::kDiskError;
}

bool SpoolWriter::make_room(uint64_t bytes) {
  SpoolBudget& budget = root_.budget();
  if (budget.charge(bytes)) return true;
  if (may_exceed_) {
    budget.charge_existing(bytes);
    return true;
  }
  if (budget.when_full() != WhenFull::kDropOldest) return false;
  while (root_.drop_oldest_segment()) {
    if (budget.charge(bytes)) return true;
  }
  root_.request_sync(true);  // a segment may be dropped once it is synced
  return false;
}

// Besides growth: a full spool whose current segment is acknowledged to the last record frees it by beginning another,
// unless that would only copy the records of open events over and over.
bool SpoolWriter::segment_is_due() const {
  if (head_pending_) return false;
  if (segment_bytes_ >= root_.options().segment_bytes) return true;
  if (root_.budget().has_room() || !spool_.all_committed()) return false;
  return segment_bytes_ - head_bytes_ > std::max(head_bytes_, early_segment_bytes_min);
}

void SpoolWriter::begin_segment() {
  auto fd = spool_.begin_segment(used_ > 0 ? pending_seq_ : next_seq_);
  if (!fd) {
    // The current segment grows on; the next flush tries again.
    ++write_errors_;
    return;
  }
  fd_ = *fd;
  segment_bytes_ = 0;
  head_bytes_ = 0;
  // The old segment can only go after the new one's head is written, so a full spool is exceeded by that head.
  may_exceed_ = !root_.budget().has_room();
  const uint64_t dropped = dropped_records_;
  rewriting_ = true;
  if (rewrite_open_events_) rewrite_open_events_(*this);
  rewriting_ = false;
  // An incomplete head does not let older segments go; the next segment's may.
  head_pending_ = dropped == dropped_records_;
  if (!head_pending_) may_exceed_ = false;
}

void SpoolWriter::append_alarm() {
  const SpoolBudget& budget = root_.budget();
  events::v1::Record record;
  events::v1::Notice& notice = *record.mutable_notice();
  notice.set_timestamp(base::epoch_ms(base::wall_now()));
  notice.set_severity(events::v1::Notice::SEVERITY_ALARM);
  notice.set_kind("spool_80_percent");
  notice.set_text("the spool holds " + std::to_string(budget.used()) + " of " + std::to_string(budget.max_bytes()) +
                  " bytes; the event store does not keep up or is not reachable");
  notice.set_observed_by(root_.options().observed_by);
  append(record);
}

}  // namespace sluice::report
