#pragma once
// Narrowing: which rows of a day can match a filter at all, as far as roll-ups tell. What a filter demands (`action eq
// block`, `host like x`, `policy ~ y`) is asked of the values that there are, which are few compared with the events:
// "what was blocked" then does not read the millions that were not, and a search in names becomes a look-up of those
// that match.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "events/store/day_file.h"
#include "events/store/event_key.h"
#include "events/store/rolled_filter.h"
#include "events/store/rollup_reader.h"
#include "events/store/sqlite_db.h"

namespace sluice::store {

// Where rows can match, newest first. With a field: only rows that have one of the values of it, which is indexed; the
// stretches then have slots.
struct Narrowed {
  std::vector<KeyStretch> stretches;
  const Field* field = nullptr;
  std::vector<ColumnValue> values;
  // `"field" IN (?, ...)`; empty without a field.
  std::string condition() const;
};

// Made for one query, on its thread; borrows its filter.
class Narrowing {
 public:
  // Null matches everything. Only for queries of page events: roll-ups count no others.
  explicit Narrowing(const Filter* filter);
  // The keys from `low` to below `high`. Nothing that was committed before the call is left out.
  Narrowed rows(const DayInfo& day, Database& database, int64_t low, int64_t high);

 private:
  // What one part of the filter, that every match must fulfil, says of the values of one key.
  struct Demand {
    size_t key = 0;  // an index into rolled_keys()
    RolledFilter filter;
  };
  // The values that match, by id. Of the file they never change, only more come.
  struct Matches {
    std::vector<bool> is;
    std::map<uint32_t, std::string> indexed;  // what a match has of the indexed field
    bool too_many = false;                    // to be listed
  };
  // What a demand leaves of some minutes.
  struct Left {
    std::vector<bool> minutes;
    std::set<std::string> listed;
    bool is_list = false;
    bool known = false;
  };

  void add(const Filter& part);
  Left ask(size_t demand, const DayInfo& day, Database& database, int64_t first_minute, size_t minutes);
  bool ask(RollupReader& reader, RollupReader::Place place, Demand& demand, Matches& matches, int64_t first_minute,
           Left& left);
  static void learn(Demand& demand, uint32_t id, std::string_view value, Matches& matches);

  std::vector<Demand> demands_;
  std::map<std::pair<size_t, int64_t>, Matches> in_file_;  // of a demand and a day
};

}  // namespace sluice::store
