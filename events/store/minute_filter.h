#pragma once
// MinuteFilter: what a filter demands of fields that are rolled up per minute (action, bypass_traffic, ...), so that
// minutes in which nothing can match are passed over: "what was blocked" does not read the millions that were not.
#include <cstdint>
#include <vector>

#include "events/store/day_file.h"
#include "events/store/event_key.h"
#include "events/store/sqlite_db.h"

namespace sluice::store {

// Immutable; made for one query.
class MinuteFilter {
 public:
  // Null matches everything. Only for queries of page events: roll-ups count no others.
  explicit MinuteFilter(const Filter* filter);
  bool demands() const { return !demands_.empty(); }
  // The keys from `low` to below `high` where something can match, newest first. Nothing that was committed before the
  // call is left out.
  std::vector<KeyStretch> stretches(const DayInfo& day, Database& database, int64_t low, int64_t high) const;

 private:
  struct Demand {
    size_t field_index = 0;  // in rolled_fields()
    std::vector<int64_t> values;
    bool among = true;  // one of the values, or any other
  };
  void add(const Filter& filter);
  static void mark(const Demand& demand, const DayInfo& day, Database& database, int64_t first_minute,
                   std::vector<bool>& possible);

  std::vector<Demand> demands_;
};

}  // namespace sluice::store
