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
#include <optional>
#include <string_view>
#include <vector>

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

// Indexes of a day file begin with the slot, a part of the day: what is committed together then changes few of their
// pages, however many values there are, and a commit costs the same in a file of ten million rows as in an empty one.
// Longer slots cost commits, shorter ones a search for a rare value (one look per slot).
inline constexpr int64_t index_slot_ms = 600'000;
inline constexpr int64_t index_slots_per_day = day_ms / index_slot_ms;

// A stretch of keys that lies within one slot, or (no slot) outside of the file's day, where clocks that are wrong put
// events.
struct KeyStretch {
  int64_t low = 0;
  int64_t high = 0;  // exclusive
  std::optional<int64_t> slot;
};

// The keys from `low` to below `high` of a day's file, newest first.
inline std::vector<KeyStretch> stretches(int64_t day, int64_t low, int64_t high) {
  const int64_t day_low = std::max(low, key_floor(day * day_ms));
  const int64_t day_high = std::min(high, key_floor((day + 1) * day_ms));
  if (day_low >= day_high) return {{low, high, std::nullopt}};
  std::vector<KeyStretch> all;
  if (day_high < high) all.push_back({day_high, high, std::nullopt});
  for (int64_t at = day_high; at > day_low;) {
    const int64_t slot = (key_time(at - 1) - day * day_ms) / index_slot_ms;
    const int64_t from = std::max(day_low, key_floor(day * day_ms + slot * index_slot_ms));
    all.push_back({from, at, slot});
    at = from;
  }
  if (low < day_low) all.push_back({low, day_low, std::nullopt});
  return all;
}

}  // namespace sluice::store
