#include "events/store/aggregation.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "events/store/event_key.h"
#include "events/store/filter.h"
#include "events/store/hot_column.h"
#include "events/store/limits.h"

namespace sluice::store {

using Clock = std::chrono::steady_clock;

namespace {
constexpr int64_t time_end = key_time_max;
constexpr const char* newest_first = " ORDER BY key DESC";
constexpr int64_t minute_ms = 60'000;
constexpr int64_t hour_ms = 3'600'000;

bool is_everything(const Filter* filter) {
  const auto* all = filter == nullptr ? nullptr : std::get_if<And>(&filter->node);
  return filter == nullptr || (all != nullptr && all->parts.empty());
}

int first_row_column() {
  return 2;  // behind key and store_offset
}
}  // namespace

Aggregation::Aggregation(ReaderPool& pool, const StoreView& view, const AggregateQuery& query)
    : pool_(pool),
      view_(view),
      query_(query),
      deadline_(Clock::now() + query.budget),
      range_(std::clamp<int64_t>(query.start_time, 0, time_end),
             query.end_time > 0 ? std::min(query.end_time, time_end) : time_end),
      narrowing_(query.page_events_only ? query.filter : nullptr) {}

base::Result<AggregateAnswer, ReadError> Aggregation::run() {
  const auto use = [this](const Field* field) {
    if (field == nullptr || std::find(columns_.begin(), columns_.end(), field) != columns_.end()) return;
    columns_.push_back(field);
    hot_.push_back(is_hot_column(*field));
  };
  for (const Grouping& grouping : query_.groupings) {
    for (const Field* field : grouping.fields) use(field);
    for (const Metric& metric : grouping.metrics) use(metric.field);
  }
  tables_.reserve(query_.groupings.size());
  for (const Grouping& grouping : query_.groupings) tables_.emplace_back(grouping, columns_);
  plan();
  answer_.covered_from = range_.first;
  if (!scans_.empty()) {
    build_sql();
    for (const auto& [range, tables] : scans_) {
      if (error_.empty()) scan(range, tables);
    }
  }
  if (!error_.empty()) return ReadError{ReadError::Code::kUnavailable, error_};
  for (GroupTable& table : tables_) answer_.groupings.push_back(table.take());
  return std::move(answer_);
}

// Which part of the range each grouping takes from roll-ups, and takes it; the rest is noted in scans_.
void Aggregation::plan() {
  if (range_.first >= range_.second) return;
  for (size_t i = 0; i < query_.groupings.size(); ++i) {
    const Grouping& grouping = query_.groupings[i];
    const auto key = answering_key(query_, grouping);
    const int64_t slot_ms = key ? rolled_keys()[*key].slot_ms : minute_ms;
    const int64_t first = (range_.first + slot_ms - 1) / slot_ms * slot_ms;
    const int64_t last = range_.second / slot_ms * slot_ms;
    if (!key || first >= last) {
      add_scan(range_, &tables_[i]);
      continue;
    }
    RolledSums sums(query_, grouping, *key, tables_[i]);
    take_rollups(*key, {first, last}, sums);
    add_scan({range_.first, first}, &tables_[i]);
    if (query_.end_time > 0) add_scan({last, range_.second}, &tables_[i]);
  }
}

void Aggregation::add_scan(Range range, GroupTable* table) {
  if (range.first < range.second) scans_[range].push_back(table);
}

void Aggregation::take_rollups(size_t key, Range range, RolledSums& sums) {
  const Days days = view_.days();
  for (auto day = days.rbegin(); day != days.rend() && error_.empty(); ++day) {
    if (day->rows == 0) continue;
    Taken taken = take_rollup(*day, key, range, sums);
    for (int tries = 0; taken == Taken::kMoved && tries < rollup_tries_max; ++tries) {
      std::this_thread::yield();
      const Days now = view_.days();
      const auto again = std::find_if(now.begin(), now.end(), [&](const DayInfo& d) { return d.day == day->day; });
      if (again == now.end()) return;
      taken = take_rollup(*again, key, range, sums);
    }
    if (taken == Taken::kMoved) fail("the store is busy writing");
  }
}

// kMoved: nothing was counted.
Aggregation::Taken Aggregation::take_rollup(const DayInfo& day, size_t key, Range range, RolledSums& sums) {
  if (key_time(day.max_key) < range.first || key_time(day.min_key) >= range.second) return Taken::kYes;
  auto lease = pool_.lease(day.path);
  if (!lease.ok()) {
    if (view_.knows(day.path)) fail(lease.error().message);
    return Taken::kFailed;
  }
  Database& database = (*lease)->database();
  {
    RollupReader reader(day, database, key, range.first / hour_ms, (range.second - 1) / hour_ms + 1);
    if (reader.outcome() == RollupReader::Outcome::kMoved) return Taken::kMoved;
    if (reader.outcome() == RollupReader::Outcome::kReady) sums.take(reader, range.first, range.second);
  }
  if (!database.ok()) fail(database.error());
  return database.ok() ? Taken::kYes : Taken::kFailed;
}

void Aggregation::build_sql() {
  condition_ = "key >= ? AND key < ?";
  if (query_.page_events_only) condition_ += " AND record_type = 1";
  if (query_.primary_only)
    condition_ += query_.page_events_only ? " AND \"primary\" = 1" : " AND (\"primary\" = 1 OR record_type <> 1)";
  if (!is_everything(query_.filter)) {
    SqlCondition filter = to_sql(*query_.filter, is_hot_column);
    condition_ += " AND (" + filter.text + ")";
    parameters_ = std::move(filter.values);
    exact_ = filter.exact;
  }
  select_ = "SELECT key, store_offset";
  for (size_t i = 0; i < columns_.size(); ++i) {
    select_ += hot_[i] ? ", \"" + columns_[i]->name() + '"' : ", 0";
  }
  select_ += " FROM final WHERE ";
  indexed_ = is_indexed(query_.filter);
  decode_ = !exact_ || std::find(hot_.begin(), hot_.end(), false) != hot_.end();
  values_.resize(columns_.size());
}

void Aggregation::scan(Range range, const Tables& tables) {
  answer_.scanned = true;
  const int64_t low = key_floor(range.first);
  const int64_t high = key_floor(range.second);
  const Days days = view_.days();
  int64_t covered = low;
  for (auto day = days.rbegin(); day != days.rend() && error_.empty(); ++day) {
    if (day->rows == 0 || day->min_key >= high || day->max_key < low) continue;
    covered = std::max(covered, scan_day(*day, low, high, tables));
  }
  if (covered <= low) return;
  answer_.partial = true;
  answer_.covered_from = std::max(answer_.covered_from, key_time(covered));
}

int64_t Aggregation::scan_day(const DayInfo& day, int64_t low, int64_t high, const Tables& tables) {
  const int64_t newest = std::min(high, day.max_key + 1);
  if (Clock::now() >= deadline_) return newest;
  auto lease = pool_.lease(day.path);
  if (!lease.ok()) {
    if (view_.knows(day.path)) fail(lease.error().message);
    return low;
  }
  Database& database = (*lease)->database();
  database.set_deadline(deadline_);
  Narrowed rows;
  if (indexed_) {
    rows.stretches = stretches(day.day, std::max(low, day.min_key), newest);
  } else {
    rows = narrowing_.rows(day, database, low, newest);
  }
  Statement anywhere = database.prepare(select_ + condition_ + newest_first);
  Statement in_slot;
  if (indexed_ || rows.field != nullptr) {
    const std::string listed = rows.field == nullptr ? "" : " AND " + rows.condition();
    in_slot = database.prepare(select_ + indexed_slot + condition_ + listed + newest_first);
  }
  for (const KeyStretch& stretch : rows.stretches) {
    const int64_t reached = stretch.slot ? scan_stretch(**lease, in_slot, stretch, rows.values, tables)
                                         : scan_stretch(**lease, anywhere, stretch, {}, tables);
    if (reached > stretch.low) return reached;
  }
  return low;
}

int64_t Aggregation::scan_stretch(DayReader& reader, Statement& rows, const KeyStretch& stretch,
                                  const std::vector<ColumnValue>& listed, const Tables& tables) {
  int at = 1;
  if (stretch.slot) rows.bind(at++, *stretch.slot);
  rows.bind(at, stretch.low).bind(at + 1, stretch.high);
  bind_values(rows, at + 2, parameters_);
  bind_values(rows, at + 2 + static_cast<int>(parameters_.size()), listed);
  int64_t reached = stretch.high;
  uint32_t seen = 0;
  Step step = Step::kDone;
  while ((step = rows.step()) == Step::kRow) {
    if (decode_ && ++seen % aggregate_clock_rows == 0 && Clock::now() >= deadline_) {
      step = Step::kInterrupted;
      break;
    }
    reached = rows.integer(0);
    if (!read_row(rows, reader)) continue;
    for (GroupTable* table : tables) table->add(key_time(reached), values_);
  }
  rows.reset();
  if (step == Step::kError) fail(reader.database().error());
  return step == Step::kInterrupted ? reached : stretch.low;
}

// Puts the row's values into values_; false if it does not match the filter (or cannot be read).
bool Aggregation::read_row(Statement& row, DayReader& reader) {
  v1::Record record;
  if (decode_) {
    const auto offset = static_cast<uint64_t>(row.integer(1));
    const auto block = reader.block_of(offset);
    if (!block.ok()) {
      fail(block.error().message);
      return false;
    }
    if (!(*block)->parse(offset, record)) {
      fail("a stored record is damaged");
      return false;
    }
    if (!exact_ && !matches(*query_.filter, record)) return false;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const int column = first_row_column() + static_cast<int>(i);
    if (!hot_[i]) {
      values_[i] = columns_[i]->column(record);
      continue;
    }
    switch (columns_[i]->type()) {
      case FieldType::kNumber:
      case FieldType::kTime:
      case FieldType::kBool:
      case FieldType::kEnum: values_[i] = row.integer(column); break;
      case FieldType::kAddress: values_[i] = Blob{std::string(row.blob(column))}; break;
      case FieldType::kText:
      case FieldType::kTextList:
        if (auto* text = std::get_if<std::string>(&values_[i])) {
          text->assign(row.text(column));  // keeps its memory
        } else {
          values_[i] = std::string(row.text(column));
        }
        break;
    }
  }
  return true;
}

void Aggregation::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

}  // namespace sluice::store
