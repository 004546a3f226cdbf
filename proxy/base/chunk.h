#pragma once
// Chunk: a move-only run of bytes that travels from read to write; nothing keeps a view of one.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace sluice::base {

using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Owns one heap block. Not thread-safe; may be moved between threads.
class Chunk {
 public:
  Chunk() = default;
  static Chunk copy_of(ByteView bytes);
  static Chunk copy_of(std::string_view text) { return copy_of(as_bytes(text)); }

  Chunk(Chunk&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Chunk& operator=(Chunk&& other) noexcept;
  ~Chunk() { release(); }

  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  ByteView view() const { return {block_ + begin_, size()}; }
  std::string_view text() const { return as_text(view()); }

  // Adds a copy of `bytes` at the end; grows by doubling.
  void append(ByteView bytes);
  // Drops the first `count` bytes (count <= size()); the block is freed when nothing is left.
  void consume(size_t count);
  // Frees the block.
  void release();

 private:
  uint8_t* block_ = nullptr;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace sluice::base
