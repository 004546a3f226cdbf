#include "proxy/base/chunk.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "proxy/base/assert.h"

namespace sluice::base {

namespace {
constexpr size_t chunk_bytes_max = size_t{1} << 30;  // a chunk is a buffer, not a store; everything above is a bug
}

Chunk Chunk::copy_of(ByteView bytes) {
  Chunk chunk;
  chunk.append(bytes);
  return chunk;
}

Chunk& Chunk::operator=(Chunk&& other) noexcept {
  if (this != &other) {
    release();
    block_ = std::exchange(other.block_, nullptr);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

void Chunk::append(ByteView bytes) {
  if (bytes.empty()) return;
  SLUICE_ASSERT(bytes.size() <= chunk_bytes_max && size() + bytes.size() <= chunk_bytes_max);
  const size_t needed = size() + bytes.size();
  if (bytes.size() > capacity_ - end_ && needed <= capacity_ / 2) {
    // At least half of the block is behind us, so moving costs no more than what was consumed; growing instead would
    // let a queue that is never quite empty take as much memory as ever went through it.
    std::memmove(block_, block_ + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  } else if (bytes.size() > capacity_ - end_) {
    const size_t capacity = block_ == nullptr ? needed : std::max(needed, size_t{capacity_} * 2);
    auto* block = static_cast<uint8_t*>(std::malloc(capacity));
    SLUICE_ASSERT(block != nullptr);
    if (!empty()) std::memcpy(block, block_ + begin_, size());
    end_ = static_cast<uint32_t>(size());
    begin_ = 0;
    std::free(block_);
    block_ = block;
    capacity_ = static_cast<uint32_t>(capacity);
  }
  std::memcpy(block_ + end_, bytes.data(), bytes.size());
  end_ += static_cast<uint32_t>(bytes.size());
}

void Chunk::consume(size_t count) {
  SLUICE_ASSERT(count <= size());
  begin_ += static_cast<uint32_t>(count);
  if (empty()) release();
}

void Chunk::release() {
  std::free(block_);
  block_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

}  // namespace sluice::base
