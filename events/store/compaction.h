#pragma once
// Compaction: a store of few events writes blocks of few records, which compress badly. Once a day is over its
// neighbouring small blocks are joined, a bounded bite at a time: read and packed on the caller's thread, put in place
// by the writer thread in one short transaction. Records, offsets and rows stay what they are.
#include <cstdint>
#include <string>
#include <vector>

#include "events/store/reader_pool.h"
#include "proxy/base/result.h"

namespace sluice::store {

struct PackedBlock {
  uint64_t first_offset = 0;
  uint64_t count = 0;
  std::string data;
};

// The blocks from first_offset to below end_offset become `blocks`.
struct JoinedBlocks {
  uint64_t first_offset = 0;
  uint64_t end_offset = 0;
  std::vector<PackedBlock> blocks;
};

struct CompactionBite {
  std::vector<JoinedBlocks> joined;
  uint64_t blocks_gone = 0;
  uint64_t done_until = 0;  // what stands up to this offset needs no other look; 0: nothing is left to do
};

// What to do next for a day file, above the offset that its meta names as done.
base::Result<CompactionBite> next_compaction(DayReader& reader);

}  // namespace sluice::store
