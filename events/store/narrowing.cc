#include "events/store/narrowing.h"

#include <algorithm>
#include <optional>

#include "events/store/filter.h"
#include "events/store/limits.h"

namespace sluice::store {
namespace {
constexpr int64_t minute_ms = 60'000;
constexpr int64_t minutes_per_hour = 60;

// The key whose values decide the part: one that leads to indexed values, if there is.
std::optional<size_t> deciding_key(const std::vector<const Field*>& fields) {
  std::optional<size_t> found;
  for (size_t i = 0; i < rolled_keys().size(); ++i) {
    if (!covers(rolled_keys()[i], fields)) continue;
    if (rolled_keys()[i].indexed != nullptr) return i;
    if (!found) found = i;
    if (std::all_of(fields.begin(), fields.end(), [](const Field* field) { return in_every_group(*field); })) break;
  }
  return found;
}

size_t place_of_indexed(const RolledKey& key) {
  size_t place = 0;
  while (key.fields[place].field != key.indexed) ++place;
  return place;
}
}  // namespace

std::string Narrowed::condition() const {
  if (field == nullptr) return {};
  std::string text = '"' + field->name() + "\" IN (";
  for (size_t i = 0; i < values.size(); ++i) text += i == 0 ? "?" : ",?";
  return text + ')';
}

Narrowing::Narrowing(const Filter* filter) {
  if (filter == nullptr) return;
  if (const auto* all = std::get_if<And>(&filter->node)) {
    for (const Filter& part : all->parts) add(part);
  } else {
    add(*filter);
  }
}

void Narrowing::add(const Filter& part) {
  const auto fields = fields_of(part);
  const auto key = deciding_key(fields);
  if (!key || fields.empty()) return;
  RolledFilter filter(&part, rolled_keys()[*key]);
  if (filter.by_value() != filter.by_group()) demands_.push_back({*key, std::move(filter)});
}

Narrowed Narrowing::rows(const DayInfo& day, Database& database, int64_t low, int64_t high) {
  low = std::max(low, day.min_key);
  high = std::min(high, day.max_key + 1);
  if (low >= high) return {};
  const int64_t first_minute = key_time(low) / minute_ms;
  const int64_t minutes = key_time(high - 1) / minute_ms - first_minute + 1;
  if (demands_.empty() || minutes > narrowing_minutes_max) return {{{low, high, std::nullopt}}, nullptr, {}};
  Narrowed found;
  std::vector<bool> possible(static_cast<size_t>(minutes), true);
  for (size_t i = 0; i < demands_.size(); ++i) {
    const Left left = ask(i, day, database, first_minute, possible.size());
    if (!left.known) continue;
    for (size_t m = 0; m < possible.size(); ++m) possible[m] = possible[m] && left.minutes[m];
    if (!left.is_list || (found.field != nullptr && found.values.size() <= left.listed.size())) continue;
    found.field = rolled_keys()[demands_[i].key].indexed;
    found.values.assign(left.listed.begin(), left.listed.end());
  }
  for (int64_t end = minutes; end > 0;) {
    int64_t begin = end;
    while (begin > 0 && possible[static_cast<size_t>(begin - 1)]) --begin;
    if (begin == end) {
      --end;
      continue;
    }
    const int64_t from = std::max(low, key_floor((first_minute + begin) * minute_ms));
    const int64_t to = std::min(high, key_floor((first_minute + end) * minute_ms));
    if (found.field == nullptr) {
      found.stretches.push_back({from, to, std::nullopt});
    } else {
      for (const KeyStretch& stretch : stretches(day.day, from, to)) found.stretches.push_back(stretch);
    }
    end = begin;
  }
  return found;
}

Narrowing::Left Narrowing::ask(size_t at, const DayInfo& day, Database& database, int64_t first_minute,
                               size_t minutes) {
  Demand& demand = demands_[at];
  Left left;
  left.minutes.resize(minutes);
  const int64_t end_minute = first_minute + static_cast<int64_t>(minutes);
  RollupReader reader(day, database, demand.key, first_minute / minutes_per_hour,
                      (end_minute - 1) / minutes_per_hour + 1);
  if (reader.outcome() != RollupReader::Outcome::kReady) return left;
  Matches& in_file = in_file_[{at, day.day}];
  Matches in_memory;
  left.known = ask(reader, RollupReader::Place::kFile, demand, in_file, first_minute, left) &&
               ask(reader, RollupReader::Place::kMemory, demand, in_memory, first_minute, left);
  left.is_list = demand.filter.by_value() && rolled_keys()[demand.key].indexed != nullptr && !in_file.too_many &&
                 !in_memory.too_many && left.listed.size() <= narrowing_values_max;
  return left;
}

// False if it could not be asked to the end.
bool Narrowing::ask(RollupReader& reader, RollupReader::Place place, Demand& demand, Matches& matches,
                    int64_t first_minute, Left& left) {
  if (demand.filter.by_value() &&
      !reader.values(place, static_cast<uint32_t>(matches.is.size()),
                     [&](uint32_t id, std::string_view value) { learn(demand, id, value, matches); })) {
    return false;
  }
  const int64_t slot_minutes = rolled_keys()[demand.key].slot_ms / minute_ms;
  return reader.entries(place, [&](int64_t hour, const RollupEntry& entry) {
    const bool possible = demand.filter.by_value() ? matches.is.at(entry.id) : demand.filter.accepts(entry.group, {});
    if (!possible) return;
    const int64_t minute = hour * minutes_per_hour + entry.minute - first_minute;
    const int64_t begin = std::max<int64_t>(minute, 0);
    const int64_t end = std::min(minute + slot_minutes, static_cast<int64_t>(left.minutes.size()));
    for (int64_t m = begin; m < end; ++m) left.minutes[static_cast<size_t>(m)] = true;
    if (const auto name = matches.indexed.find(entry.id); name != matches.indexed.end()) {
      left.listed.insert(name->second);
    }
  });
}

void Narrowing::learn(Demand& demand, uint32_t id, std::string_view value, Matches& matches) {
  matches.is.resize(id + 1);
  if (!demand.filter.accepts({}, value)) return;
  matches.is[id] = true;
  const RolledKey& key = rolled_keys()[demand.key];
  if (key.indexed == nullptr || matches.too_many) return;
  matches.too_many = matches.indexed.size() >= narrowing_values_max;
  if (!matches.too_many) {
    matches.indexed.emplace(id, parts_of(key, value)[place_of_indexed(key)]);
  } else {
    matches.indexed.clear();
  }
}

}  // namespace sluice::store
