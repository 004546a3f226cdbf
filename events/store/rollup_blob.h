#pragma once
// The sums of one key in one hour, as the bytes that a day file keeps of them. Numbers are varints as in protobuf.
//
//   blob  = entry*                      ordered by minute, id, group
//   entry = minutes since the entry before (the first: since the hour began)
//           id, less that of the entry before if both are of one minute
//           group
//           2 * count + (1 if there are others)
//           bytes, last                 if count > 0
//           other_count, other_bytes, other_last   if there are others
//
// Example: in minute 2 the value 7 of group 2 has 3 primary events with 500 bytes, the last one 150,000 ms behind the
// begin of the hour: 02 07 02 06 F4 03 F0 93 09.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/store/rollup.h"

namespace sluice::store {

struct RollupEntry {
  uint32_t minute = 0;
  uint32_t id = 0;  // stands for a value (rollup_file.h)
  RollupGroup group = 0;
  RollupSums sums;
};

// Orders the entries, joins those of one place, and writes them.
std::string encode_rollup(std::vector<RollupEntry> entries);

// Reads the entries of a blob, which must outlive it.
class RollupDecoder {
 public:
  explicit RollupDecoder(std::string_view blob) : rest_(blob) {}
  // False at the end, or if the bytes are damaged.
  bool next(RollupEntry& entry);
  bool damaged() const { return damaged_; }

 private:
  uint64_t number();
  std::string_view rest_;
  uint64_t minute_ = 0;
  uint64_t id_ = 0;
  bool damaged_ = false;
};

}  // namespace sluice::store
