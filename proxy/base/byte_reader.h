#pragma once
// ByteReader: a bounds-checked cursor over borrowed bytes, big-endian (network order). A failed read returns false /
// nullopt and leaves the cursor where it was.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/chunk.h"

namespace sluice::base {

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size() - at_; }
  size_t position() const { return at_; }
  bool done() const { return left() == 0; }

  std::optional<uint8_t> u8() { return number<uint8_t>(1); }
  std::optional<uint16_t> u16() { return number<uint16_t>(2); }
  std::optional<uint32_t> u24() { return number<uint32_t>(3); }
  std::optional<uint32_t> u32() { return number<uint32_t>(4); }

  std::optional<ByteView> bytes(size_t count) {
    if (count > left()) return std::nullopt;
    ByteView view = bytes_.subspan(at_, count);
    at_ += count;
    return view;
  }
  // A vector with a length prefix of 1, 2 or 3 bytes (RFC 8446 section 3.4).
  std::optional<ByteView> prefixed(size_t prefix_bytes) {
    const size_t start = at_;
    if (auto length = number<uint32_t>(prefix_bytes)) {
      if (auto view = bytes(*length)) return view;
    }
    at_ = start;
    return std::nullopt;
  }

 private:
  template <class T>
  std::optional<T> number(size_t width) {
    if (width > left()) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8 | bytes_[at_ + i];
    at_ += width;
    return static_cast<T>(value);
  }

  ByteView bytes_;
  size_t at_ = 0;
};

}  // namespace sluice::base
