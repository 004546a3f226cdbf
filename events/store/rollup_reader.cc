#include "events/store/rollup_reader.h"

#include <algorithm>
#include <tuple>

#include "events/store/rollup_file.h"

namespace sluice::store {

RollupReader::RollupReader(const DayInfo& day, Database& database, size_t key, int64_t hour_low, int64_t hour_high)
    : database_(database), key_(key), hour_low_(hour_low), hour_high_(hour_high) {
  database_.execute("BEGIN");
  const int64_t written = database_.integer("SELECT value FROM meta WHERE name='rollup_offset'");
  if (!database_.ok()) return;
  {
    const std::lock_guard lock(day.rollup->mutex());
    if (day.rollup->base_offset() != static_cast<uint64_t>(written)) {
      outcome_ = Outcome::kMoved;
      return;
    }
    take_memory(*day.rollup);
  }
  outcome_ = Outcome::kReady;
  // By value first, to number the values.
  std::sort(memory_.begin(), memory_.end(), [](const InMemory& a, const InMemory& b) { return a.value < b.value; });
  for (InMemory& in : memory_) {
    if (memory_values_.empty() || memory_values_.back() != in.value) memory_values_.push_back(std::move(in.value));
    in.entry.id = static_cast<uint32_t>(memory_values_.size() - 1);
  }
  std::sort(memory_.begin(), memory_.end(), [](const InMemory& a, const InMemory& b) {
    return std::tie(a.hour, a.entry.minute) < std::tie(b.hour, b.entry.minute);
  });
}

RollupReader::~RollupReader() {
  database_.execute("COMMIT");
}

// Only copies: the writer may be waiting.
void RollupReader::take_memory(const Rollup& rollup) {
  rollup.visit(key_, hour_low_, hour_high_, [this](int64_t hour, const Rollup::Place& place, const RollupSums& sums) {
    memory_.push_back({hour, std::string(place.value), {place.minute, 0, place.group, sums}});
  });
}

bool RollupReader::entries(Place place, const TakeEntry& take) {
  if (place == Place::kMemory) {
    for (const InMemory& in : memory_) take(in.hour, in.entry);
    return true;
  }
  const int64_t number = rolled_keys()[key_].number;
  Statement rows = database_.prepare("SELECT id, data FROM rollup WHERE id>=? AND id<? ORDER BY id");
  rows.bind(1, rollup_row(number, hour_low_)).bind(2, rollup_row(number, hour_high_));
  Step step = Step::kDone;
  while ((step = rows.step()) == Step::kRow) {
    const int64_t hour = rows.integer(0) - rollup_row(number, 0);
    RollupDecoder decoder(rows.blob(1));
    for (RollupEntry entry; decoder.next(entry);) take(hour, entry);
    if (!decoder.damaged()) continue;
    database_.fail("the roll-ups are damaged");
    return false;
  }
  return step == Step::kDone;
}

bool RollupReader::values(Place place, uint32_t first, const TakeValue& take) {
  if (place == Place::kMemory) {
    for (size_t id = first; id < memory_values_.size(); ++id) take(static_cast<uint32_t>(id), memory_values_[id]);
    return true;
  }
  Statement rows = database_.prepare("SELECT id, value FROM rollup_value WHERE key=? AND id>=? ORDER BY id");
  rows.bind(1, rolled_keys()[key_].number).bind(2, int64_t{first});
  Step step = Step::kDone;
  while ((step = rows.step()) == Step::kRow) take(static_cast<uint32_t>(rows.integer(0)), rows.blob(1));
  return step == Step::kDone;
}

}  // namespace sluice::store
