#pragma once
// SegmentReader: the valid frames of one segment file, in order, over damaged bytes.
#include <cstdint>
#include <filesystem>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/report/fd.h"
#include "proxy/report/frame.h"

namespace sluice::report {

// Reads forward through one file that may still grow or be unlinked meanwhile. Used by one thread at a time.
class SegmentReader {
 public:
  enum class Status {
    kFrame,
    kEnd,    // no further valid frame in the file as it is now; a later call looks again
    kError,  // the file cannot be read
  };

  static base::Result<SegmentReader> open(const std::filesystem::path& path);

  // The next frame with first_seq >= `seq_min` or that at least ends there; its payload is borrowed until the next
  // call. Bytes that are no frame are skipped up to the next one that checks out.
  Status next(uint64_t seq_min, Frame& frame);
  // Forgets bytes read ahead: they may have been read while a frame was being written.
  void forget_ahead();

  // Makes what was read durable: a killed writer may have left it in the page cache only.
  bool sync();

  // End of the last valid frame.
  uint64_t offset() const { return offset_; }
  // Bytes skipped since this was last asked; after kEnd also those behind the last frame.
  uint64_t take_damaged_bytes();

 private:
  explicit SegmentReader(Fd fd) : fd_(std::move(fd)) {}

  base::ByteView ahead() const { return {buffer_.data() + begin_, end_ - begin_}; }
  // Reads until `bytes` are ahead; false at the end of the file or on an error.
  bool fill(size_t bytes);
  Status resync(uint64_t seq_min, Frame& frame);
  Status accept(Frame& frame, uint64_t at);

  Fd fd_;
  uint64_t offset_ = 0;    // in the file, of the end of the last valid frame
  uint64_t ahead_at_ = 0;  // in the file, of buffer_[begin_]
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t damaged_bytes_ = 0;
  bool failed_ = false;
};

}  // namespace sluice::report
