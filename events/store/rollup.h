#pragma once
// Roll-ups: for some fields, how many events and bytes each value has per minute or hour, so that a histogram, facets
// and top lists without a filter never scan. A day file keeps them; what was committed since they were last written
// there waits in memory, in its Rollup. Both together are exact: a day file says up to which store offset its rows
// count
// (`rollup_offset`), the Rollup says from where on it counts (base_offset()), and a reader takes both only when they
// are the same. After a crash the Rollup is made again from the blocks behind rollup_offset.
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "events/store/field.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

// One field that is rolled up. Fields of few values per minute, others per hour.
struct RolledField {
  const Field* field = nullptr;
  int64_t number = 0;   // on disk: the field's number in PageEvent
  int64_t slot_ms = 0;  // a minute or an hour
  int64_t (*integer)(const events::v1::PageEvent&) = nullptr;
  std::string_view (*text)(const events::v1::PageEvent&) = nullptr;  // exactly one of the two
};
const std::vector<RolledField>& rolled_fields();
// Null if `field` is not rolled up.
const RolledField* rolled_field(const Field& field);

struct RollupSums {
  uint64_t count = 0;  // primary events
  uint64_t bytes = 0;
  uint64_t other_count = 0;  // the others: second views of a flow
  uint64_t other_bytes = 0;
};

// Sums that a day file does not hold yet. Written by the writer thread, read by any; callers hold mutex().
class Rollup {
 public:
  // `value` is an int64 or text, as the field is; slots count from the epoch.
  using Visit = std::function<void(int64_t slot, const ColumnValue& value, const RollupSums& sums)>;

  Rollup() : cursors_(rolled_fields().size()) {}
  std::mutex& mutex() const { return mutex_; }

  void add(const events::v1::PageEvent& event);
  // Everything up to `offset` is in the file now.
  void clear(uint64_t offset);
  uint64_t base_offset() const { return base_offset_; }
  // Values that are kept; what this takes of memory.
  size_t entries() const { return entries_; }
  size_t events() const { return events_; }
  // Those of one field with slot_low <= slot < slot_high, in order of slots.
  void visit(size_t field_index, int64_t slot_low, int64_t slot_high, const Visit& visit) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Slot {
    std::vector<std::pair<int64_t, RollupSums>> numbers;
    std::unordered_map<std::string, RollupSums, Hash, std::equal_to<>> texts;
  };
  // The slot that the last event of a field fell into: the next one's nearly always too.
  struct Cursor {
    int64_t slot = -1;
    Slot* at = nullptr;
  };
  RollupSums& sums(size_t field_index, const events::v1::PageEvent& event);

  mutable std::mutex mutex_;
  std::map<std::pair<size_t, int64_t>, Slot> slots_;
  std::vector<Cursor> cursors_;
  size_t entries_ = 0;
  size_t events_ = 0;
  uint64_t base_offset_ = 0;
};

}  // namespace sluice::store
