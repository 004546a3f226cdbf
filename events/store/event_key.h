#pragma once
// The key of a record: its place in time, as one number. Rows stand in key order, so a table is its own time index, and
// every secondary index is ordered by time within equal values.
//
//   key = timestamp in ms (42 bits, clamped to 0 .. year 2109) << 21 | hash of the record's id (21 bits)
//
// An open event and its final have the same start and id, hence the same key: a page of search results stays stable
// while events close. Two ids of one millisecond may hash alike; the second takes the next free key of that
// millisecond.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "proxy/base/crc32c.h"

namespace sluice::store {

inline constexpr int key_hash_bits = 21;
inline constexpr int64_t key_hash_mask = (int64_t{1} << key_hash_bits) - 1;
inline constexpr int64_t key_time_max = (int64_t{1} << 42) - 1;
inline constexpr int64_t key_end = key_time_max << key_hash_bits | key_hash_mask;

// The lowest key of a millisecond.
inline int64_t key_floor(int64_t timestamp_ms) {
  return std::clamp<int64_t>(timestamp_ms, 0, key_time_max) << key_hash_bits;
}
inline int64_t key_of(int64_t timestamp_ms, std::string_view id) {
  return key_floor(timestamp_ms) | (base::crc32c(base::as_bytes(id)) & key_hash_mask);
}
inline int64_t next_key(int64_t key) {
  return (key & ~key_hash_mask) | ((key + 1) & key_hash_mask);
}
inline int64_t key_time(int64_t key) {
  return key >> key_hash_bits;
}

// Days since 1970-01-01 UTC of the file that holds a record.
inline constexpr int64_t day_ms = int64_t{24} * 3600 * 1000;
inline int64_t day_of(int64_t timestamp_ms, int64_t ingested_ms, int64_t clamp_ms) {
  return std::clamp(timestamp_ms, ingested_ms - clamp_ms, ingested_ms + clamp_ms) / day_ms;
}

}  // namespace sluice::store
