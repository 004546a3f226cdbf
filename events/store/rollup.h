#pragma once
// Roll-ups: how many events and bytes there are of each value per minute or hour, so that what the console always asks
// (histogram, facets, top lists, what was bypassed and why, what rules did, who is in the fleet) never scans.
//
// A RolledKey names the fields that are counted together; an event enters each key once, with its values of these
// fields as one text (`value`), and with its *group*: action and bypass_traffic, which stand beside every key. So one
// key answers questions that are grouped by some of its fields, or these two, and filtered by some of them.
//
// A day file keeps the sums (rollup_file.h); those of what was committed since they were last written there wait in
// memory, in its Rollup. Both together are exact: a day file says up to which store offset its sums count
// (`rollup_offset`), the Rollup says from where on it counts (base_offset()), and a reader takes both only when they
// are the same. After a crash the Rollup is made again from the blocks behind rollup_offset.
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/store/field.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

struct RolledField {
  const Field* field = nullptr;
  void (*append)(std::string& to, const events::v1::PageEvent& event) = nullptr;  // numbers in decimal
};

struct RolledKey {
  int64_t number = 0;   // on disk; never given to other fields
  int64_t slot_ms = 0;  // a minute or an hour
  std::vector<RolledField> fields;
  // The one of the fields that rows are indexed by; null if there is none.
  const Field* indexed = nullptr;
};
// Those of few values first.
const std::vector<RolledKey>& rolled_keys();
// Whether the field is action or bypass_traffic.
bool in_every_group(const Field& field);
// Whether all of `fields` are of the key, or of the group.
bool covers(const RolledKey& key, const std::vector<const Field*>& fields);

// Action and bypass_traffic as one number.
using RollupGroup = uint64_t;
int64_t action_of(RollupGroup group);
int64_t bypass_of(RollupGroup group);
// A number as roll-ups write it.
int64_t integer_of(std::string_view text);
// The texts of the key's fields, as many as it has; views into `value`.
std::vector<std::string_view> parts_of(const RolledKey& key, std::string_view value);

struct RollupSums {
  uint64_t count = 0;  // primary events
  uint64_t bytes = 0;
  int64_t last = 0;          // the newest timestamp, in ms from the begin of the hour
  uint64_t other_count = 0;  // the others: second views of a flow
  uint64_t other_bytes = 0;
  int64_t other_last = 0;
  void add(const RollupSums& more);
};

// Sums that a day file does not hold yet. Written by the writer thread, read by any; callers hold mutex().
class Rollup {
 public:
  struct Place {
    uint32_t minute = 0;  // of the hour; 0 for keys that are rolled up per hour
    RollupGroup group = 0;
    std::string_view value;
  };
  using Visit = std::function<void(int64_t hour, const Place& place, const RollupSums& sums)>;

  std::mutex& mutex() const { return mutex_; }
  void add(const events::v1::PageEvent& event);
  // Everything up to `offset` is in the file now.
  void clear(uint64_t offset);
  uint64_t base_offset() const { return base_offset_; }
  // Values that are kept; what this takes of memory.
  size_t entries() const { return entries_; }
  size_t events() const { return events_; }
  // The sums of one key (an index into rolled_keys()) in hour_low <= hour < hour_high, which count from the epoch.
  void visit(size_t key, int64_t hour_low, int64_t hour_high, const Visit& visit) const;
  std::vector<int64_t> hours() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // By minute (one byte), group (eight bytes) and value.
  using Sums = std::unordered_map<std::string, RollupSums, Hash, std::equal_to<>>;
  using Hour = std::vector<Sums>;  // one for each key

  mutable std::mutex mutex_;
  std::map<int64_t, Hour> hours_;
  // The hour that the last event fell into: the next one's nearly always too.
  int64_t at_hour_ = -1;
  Hour* at_ = nullptr;
  std::string scratch_;
  size_t entries_ = 0;
  size_t events_ = 0;
  uint64_t base_offset_ = 0;
};

}  // namespace sluice::store
