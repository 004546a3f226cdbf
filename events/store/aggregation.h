#pragma once
// Aggregation: one answer to one AggregateQuery. A grouping that roll-ups can answer takes whole minutes or hours from
// them, and only the edges of its range from the rows; all others share one scan of the range, newest first.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "events/store/aggregate.h"
#include "events/store/event_key.h"
#include "events/store/event_store.h"
#include "events/store/group_table.h"
#include "events/store/narrowing.h"
#include "events/store/reader_pool.h"
#include "events/store/rolled_sums.h"
#include "events/store/store_view.h"

namespace sluice::store {

// Lives for one call, on the caller's thread. Borrows all it is given.
class Aggregation {
 public:
  Aggregation(ReaderPool& pool, const StoreView& view, const AggregateQuery& query);
  base::Result<AggregateAnswer, ReadError> run();

 private:
  using Range = std::pair<int64_t, int64_t>;  // epoch ms, the second excluded
  using Tables = std::vector<GroupTable*>;
  enum class Taken : uint8_t { kYes, kMoved, kFailed };

  void plan();
  void add_scan(Range range, GroupTable* table);
  void take_rollups(size_t key, Range range, RolledSums& sums);
  Taken take_rollup(const DayInfo& day, size_t key, Range range, RolledSums& sums);
  void build_sql();
  void scan(Range range, const Tables& tables);
  // The key down to which the rows were counted, or the range's lowest when all were.
  int64_t scan_day(const DayInfo& day, int64_t low, int64_t high, const Tables& tables);
  // As scan_day(), for one stretch of its keys.
  int64_t scan_stretch(DayReader& reader, Statement& rows, const KeyStretch& stretch,
                       const std::vector<ColumnValue>& listed, const Tables& tables);
  bool read_row(Statement& row, DayReader& reader);
  void fail(std::string message);

  ReaderPool& pool_;
  const StoreView& view_;
  const AggregateQuery& query_;
  const std::chrono::steady_clock::time_point deadline_;
  const Range range_;

  std::vector<const Field*> columns_;  // every field that a grouping names
  std::vector<bool> hot_;              // of each: whether the table has it
  std::vector<GroupTable> tables_;
  std::map<Range, Tables> scans_;
  std::string select_;
  std::string condition_;
  bool indexed_ = false;  // the filter names values of an indexed field
  std::vector<ColumnValue> parameters_;
  Narrowing narrowing_;
  bool exact_ = true;    // the SQL condition says all
  bool decode_ = false;  // rows must be decoded
  std::vector<ColumnValue> values_;
  AggregateAnswer answer_;
  std::string error_;
};

}  // namespace sluice::store
