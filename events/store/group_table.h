#pragma once
// GroupTable: the groups of one Grouping while events are added. Lives for one aggregate, on its thread.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/store/aggregate.h"
#include "events/store/sketch.h"

namespace sluice::store {

class GroupTable {
 public:
  // `columns`: the fields whose values add() gets, among them all that the grouping names. Borrows both.
  GroupTable(const Grouping& grouping, const std::vector<const Field*>& columns);

  // An event that began `timestamp`; its values in the order of the columns.
  void add(int64_t timestamp, const std::vector<ColumnValue>& values);
  // `count` events with the sum `bytes` of numbytes; for a grouping that answers_from_rollup().
  void add(int64_t timestamp, const ColumnValue& key, uint64_t count, uint64_t bytes);

  // The same for text that comes in order within each time, as roll-ups have it: most values come again and again, and
  // the order finds them without hashing.
  void add_ordered(int64_t timestamp, std::string_view key, uint64_t count, uint64_t bytes);

  Grouped take();

 private:
  struct Sums {
    int64_t bucket = 0;
    std::vector<ColumnValue> keys;
    std::vector<double> values;
    std::vector<DistinctSketch> distinct;
    std::vector<QuantileSketch> quantiles;
  };
  void add_to(Sums& sums, uint64_t count, uint64_t bytes) const;
  Sums* group(int64_t timestamp);  // of key_values_; null if there are too many
  bool wanted(const Sums& sums, std::vector<std::string>& keys) const;

  const Grouping& grouping_;
  std::vector<size_t> key_columns_;
  std::vector<size_t> metric_columns_;  // SIZE_MAX for counts
  std::vector<const ColumnValue*> key_values_;
  std::string scratch_;
  std::unordered_map<std::string, Sums> groups_;
  bool folded_ = false;

  // Of add_ordered(): the groups of the time before this one in their order, how far they were passed, and those of
  // this time.
  int64_t ordered_time_ = -1;
  std::vector<Sums*> ordered_before_;
  size_t ordered_at_ = 0;
  std::vector<Sums*> ordered_;
};

// Count and sum of numbytes by at most one field that is rolled up.
bool answers_from_rollup(const Grouping& grouping);

}  // namespace sluice::store
