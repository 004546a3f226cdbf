#include "proxy/report/segment_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::report {

namespace {
constexpr size_t read_bytes = 512 * 1024;
// How many records a damaged stretch is believed to hide at most.
constexpr uint64_t damaged_records_max = 1ull << 32;
}  // namespace

base::Result<SegmentReader> SegmentReader::open(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return base::Error{"cannot open " + path.string() + ": " + std::strerror(errno)};
  return SegmentReader(std::move(fd));
}

void SegmentReader::forget_ahead() {
  begin_ = end_ = 0;
  ahead_at_ = offset_;
}

uint64_t SegmentReader::take_damaged_bytes() {
  return std::exchange(damaged_bytes_, 0);
}

bool SegmentReader::sync() {
  return ::fdatasync(fd_.get()) == 0;
}

bool SegmentReader::fill(size_t bytes) {
  if (end_ - begin_ >= bytes) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < bytes || buffer_.empty()) buffer_.resize(std::max(bytes, read_bytes));
  while (end_ < bytes) {
    const ssize_t got =
        ::pread(fd_.get(), buffer_.data() + end_, buffer_.size() - end_, static_cast<off_t>(ahead_at_ + end_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failed_ = true;
    if (got <= 0) return false;
    end_ += static_cast<size_t>(got);
  }
  return true;
}

SegmentReader::Status SegmentReader::accept(Frame& frame, uint64_t at) {
  begin_ += frame.bytes();
  ahead_at_ = at + frame.bytes();
  damaged_bytes_ += at - offset_;
  offset_ = ahead_at_;
  return Status::kFrame;
}

SegmentReader::Status SegmentReader::next(uint64_t seq_min, Frame& frame) {
  for (;;) {
    if (!fill(frame_head_bytes) && ahead().empty()) return failed_ ? Status::kError : Status::kEnd;
    const FrameParse parse = parse_frame(ahead());
    if (parse.status == FrameStatus::kNeedMore && fill(parse.bytes_needed)) continue;
    if (failed_) return Status::kError;
    if (parse.status != FrameStatus::kComplete) return resync(seq_min, frame);
    frame = parse.frame;
    const Status status = accept(frame, ahead_at_);
    if (frame.last_seq() < seq_min) continue;
    return status;
  }
}

// Looks at every byte for the head of a frame that checks out. What is at `offset_` is no frame, or one that is cut
// off.
SegmentReader::Status SegmentReader::resync(uint64_t seq_min, Frame& frame) {
  const uint64_t seq_max = seq_min + damaged_records_max;
  while (fill(frame_head_bytes)) {
    if (plausible_frame_head(ahead().first(frame_head_bytes), seq_min, seq_max)) {
      FrameParse parse = parse_frame(ahead());
      if (parse.status == FrameStatus::kNeedMore && fill(parse.bytes_needed)) parse = parse_frame(ahead());
      if (parse.status == FrameStatus::kComplete) {
        frame = parse.frame;
        return accept(frame, ahead_at_);
      }
    }
    ++begin_;
    ++ahead_at_;
  }
  if (failed_) return Status::kError;
  damaged_bytes_ += ahead_at_ + (end_ - begin_) - offset_;
  forget_ahead();
  return Status::kEnd;
}

}  // namespace sluice::report
