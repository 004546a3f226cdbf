#pragma once
// A block: the bytes of some consecutive records (by store offset), compressed together.
// Format: one zstd frame of, for each record, varint length | serialized Record.
// A block is written with the time its records came. Where compaction has joined blocks of several times, the block's
// is 0 and each page event carries its own: behind its bytes stands a Record with nothing but the ingested_time, which
// a parser takes as one message with what is before.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "sluice/events/v1/page_event.pb.h"

struct ZSTD_CCtx_s;

namespace sluice::store {

// Compresses blocks, reusing its memory. Used by one thread.
class BlockWriter {
 public:
  BlockWriter();
  ~BlockWriter();
  void add(std::string_view record);
  size_t count() const { return count_; }
  bool full() const;
  // Compresses what was added and starts anew; the view is valid until the next finish().
  std::string_view finish();

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::string raw_;
  std::string compressed_;
  size_t count_ = 0;
};

// A decompressed block. Immutable; the views in `records` live as long as it does.
struct Block {
  uint64_t first_offset = 0;
  int64_t ingested_time = 0;
  std::string raw;
  std::vector<std::string_view> records;
  uint64_t end_offset() const { return first_offset + records.size(); }
  // False if its bytes are damaged. `offset` is one of the block's.
  bool parse(uint64_t offset, events::v1::Record& record) const;
};
base::Result<std::shared_ptr<const Block>> decode_block(uint64_t first_offset, int64_t ingested_time,
                                                        std::string_view data);

}  // namespace sluice::store
