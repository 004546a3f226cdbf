#pragma once
// FrameWalk: where the frames of a connection begin and end, so that one that does not come to its end is noticed.
// nghttp2 tells of frames when their heads are whole, and of those that it skips not at all.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/chunk.h"
#include "proxy/base/time.h"

namespace sluice::http {

// Belongs to one session, and follows what it receives. Judges nothing: a connection that breaks rules ends by others.
class FrameWalk {
 public:
  // `preface_bytes`: that come before the first frame.
  explicit FrameWalk(size_t preface_bytes) : left_(preface_bytes), in_payload_(preface_bytes > 0) {}

  void receive(base::ByteView bytes, base::Time now) {
    while (!bytes.empty()) {
      if (!since_) since_ = now;
      bytes = bytes.subspan(in_payload_ ? skip(bytes.size()) : read_head(bytes));
      if (in_payload_ && left_ == 0) end_frame();
    }
  }
  // Since when a frame, or a block of fields over several, is not whole. DATA is content, which may take its time.
  std::optional<base::Time> unfinished_since() const { return is_content() ? std::nullopt : since_; }

 private:
  static constexpr size_t head_bytes = 9;
  static constexpr uint8_t data = 0, headers = 1, push_promise = 5, continuation = 9;  // RFC 9113 section 6
  static constexpr uint8_t end_headers = 4;

  bool is_content() const { return in_payload_ && type_ == data; }
  size_t skip(size_t bytes) {
    const size_t skipped = std::min(bytes, left_);
    left_ -= skipped;
    return skipped;
  }
  size_t read_head(base::ByteView bytes) {
    size_t read = 0;
    while (read < bytes.size() && head_read_ < head_bytes) {
      const uint8_t byte = bytes[read++];
      if (head_read_ < 3) left_ = left_ << 8 | byte;
      if (head_read_ == 3) type_ = byte;
      if (head_read_ == 4) flags_ = byte;
      ++head_read_;
    }
    in_payload_ = head_read_ == head_bytes;
    return read;
  }
  void end_frame() {
    const bool of_block = type_ == headers || type_ == push_promise || type_ == continuation;
    if (!of_block || (flags_ & end_headers) != 0) since_.reset();
    in_payload_ = false;
    head_read_ = 0;
  }

  size_t left_;  // of the payload; grows while the head is read
  size_t head_read_ = 0;
  uint8_t type_ = 0xff;  // of the preface: none
  uint8_t flags_ = 0;
  bool in_payload_;
  std::optional<base::Time> since_;
};

}  // namespace sluice::http
