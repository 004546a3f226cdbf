#pragma once
// GroupTable: the groups of one Grouping while events are added. Lives for one aggregate, on its thread.
#include <cstdint>
#include <memory>
#include <string>
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
  // `count` events whose keys are these, with the sum `bytes` of numbytes and the newest timestamp `last`; for a
  // grouping that roll-ups answer (rolled_sums.h).
  void add(int64_t timestamp, const std::vector<ColumnValue>& keys, uint64_t count, uint64_t bytes, int64_t last);

  Grouped take();

 private:
  struct Sums {
    int64_t bucket = 0;
    std::vector<ColumnValue> keys;
    std::vector<double> values;
    std::vector<DistinctSketch> distinct;
    std::vector<QuantileSketch> quantiles;
  };
  Sums* group(int64_t timestamp);  // of key_values_; null if there are too many
  bool wanted(const Sums& sums, std::vector<std::string>& keys) const;

  const Grouping& grouping_;
  std::vector<size_t> key_columns_;
  std::vector<size_t> metric_columns_;  // SIZE_MAX for counts
  std::vector<const ColumnValue*> key_values_;
  std::string scratch_;
  std::unordered_map<std::string, Sums> groups_;
  bool folded_ = false;
};

}  // namespace sluice::store
