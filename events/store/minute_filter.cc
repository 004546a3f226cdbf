#include "events/store/minute_filter.h"

#include <algorithm>

#include "events/store/filter.h"
#include "events/store/limits.h"
#include "events/store/rollup.h"

namespace sluice::store {
namespace {
constexpr int64_t minute_ms = 60'000;
}

MinuteFilter::MinuteFilter(const Filter* filter) {
  if (filter != nullptr) add(*filter);
}

void MinuteFilter::add(const Filter& filter) {
  if (const auto* all = std::get_if<And>(&filter.node)) {
    for (const Filter& part : all->parts) add(part);
    return;
  }
  const auto* comparison = std::get_if<Comparison>(&filter.node);
  if (comparison == nullptr) return;
  const bool among = comparison->op == Operator::kEqual || comparison->op == Operator::kIn;
  const RolledField* rolled = rolled_field(*comparison->field);
  if ((!among && comparison->op != Operator::kNotEqual) || rolled == nullptr || rolled->slot_ms != minute_ms) return;
  Demand demand{static_cast<size_t>(rolled - rolled_fields().data()), {}, among};
  for (const Value& value : comparison->values) {
    if (const auto* number = std::get_if<int64_t>(&value)) demand.values.push_back(*number);
  }
  if (demand.values.size() == comparison->values.size()) demands_.push_back(std::move(demand));
}

// Marks the minutes that have a value which the demand allows.
void MinuteFilter::mark(const Demand& demand, const DayInfo& day, Database& database, int64_t first_minute,
                        std::vector<bool>& possible) {
  const int64_t end_minute = first_minute + static_cast<int64_t>(possible.size());
  const auto take = [&](int64_t minute, int64_t value) {
    const bool named = std::find(demand.values.begin(), demand.values.end(), value) != demand.values.end();
    if (named == demand.among) possible[static_cast<size_t>(minute - first_minute)] = true;
  };
  {
    // Memory before the file: what moves from here to there meanwhile is then seen twice rather than never.
    const std::lock_guard lock(day.rollup->mutex());
    day.rollup->visit(
        demand.field_index, first_minute, end_minute,
        [&](int64_t minute, const ColumnValue& value, const RollupSums&) { take(minute, std::get<int64_t>(value)); });
  }
  Statement rows = database.prepare("SELECT slot, value FROM rollup WHERE field=? AND slot>=? AND slot<?");
  rows.bind(1, rolled_fields()[demand.field_index].number).bind(2, first_minute).bind(3, end_minute);
  Step step = Step::kDone;
  while ((step = rows.step()) == Step::kRow) take(rows.integer(0), rows.integer(1));
  if (step != Step::kDone) std::fill(possible.begin(), possible.end(), true);  // not known
}

std::vector<KeyStretch> MinuteFilter::stretches(const DayInfo& day, Database& database, int64_t low,
                                                int64_t high) const {
  low = std::max(low, day.min_key);
  high = std::min(high, day.max_key + 1);
  if (low >= high) return {};
  const int64_t first_minute = key_time(low) / minute_ms;
  const int64_t minutes = key_time(high - 1) / minute_ms - first_minute + 1;
  if (demands_.empty() || minutes > minute_filter_minutes_max) return {{low, high, std::nullopt}};
  std::vector<bool> possible(static_cast<size_t>(minutes), true);
  for (const Demand& demand : demands_) {
    std::vector<bool> here(possible.size(), false);
    mark(demand, day, database, first_minute, here);
    for (size_t i = 0; i < here.size(); ++i) possible[i] = possible[i] && here[i];
  }
  std::vector<KeyStretch> found;
  for (int64_t end = minutes; end > 0;) {
    int64_t begin = end;
    while (begin > 0 && possible[static_cast<size_t>(begin - 1)]) --begin;
    if (begin == end) {
      --end;
      continue;
    }
    found.push_back({std::max(low, key_floor((first_minute + begin) * minute_ms)),
                     std::min(high, key_floor((first_minute + end) * minute_ms)), std::nullopt});
    end = begin;
  }
  return found;
}

}  // namespace sluice::store
