#include "events/store/rolled_sums.h"

#include <algorithm>

namespace sluice::store {
namespace {
constexpr int64_t minute_ms = 60'000;
constexpr int64_t hour_ms = 3'600'000;

bool is_rolled(const Metric& metric) {
  switch (metric.kind) {
    case Metric::Kind::kCount: return true;
    case Metric::Kind::kSum: return metric.field == &field("numbytes");
    case Metric::Kind::kMax: return metric.field == &field("timestamp");
    case Metric::Kind::kDistinct:
    case Metric::Kind::kPercentile: break;
  }
  return false;
}
}  // namespace

std::optional<size_t> answering_key(const AggregateQuery& query, const Grouping& grouping) {
  if (!query.page_events_only || !std::all_of(grouping.metrics.begin(), grouping.metrics.end(), is_rolled)) return {};
  std::vector<const Field*> named = grouping.fields;
  if (query.filter != nullptr) {
    const auto filtered = fields_of(*query.filter);
    named.insert(named.end(), filtered.begin(), filtered.end());
  }
  for (size_t i = 0; i < rolled_keys().size(); ++i) {
    const RolledKey& key = rolled_keys()[i];
    if (grouping.bucket_ms % key.slot_ms == 0 && covers(key, named)) return i;
  }
  return {};
}

RolledSums::RolledSums(const AggregateQuery& query, const Grouping& grouping, size_t key, GroupTable& table)
    : query_(query), grouping_(grouping), key_(rolled_keys()[key]), table_(table), filter_(query.filter, key_) {
  for (const Field* field : grouping.fields) {
    const auto at = std::find_if(key_.fields.begin(), key_.fields.end(),
                                 [&](const RolledField& has) { return has.field == field; });
    parts_.push_back(at == key_.fields.end() ? -1 : static_cast<int>(at - key_.fields.begin()));
  }
}

void RolledSums::take(RollupReader& reader, int64_t from_ms, int64_t to_ms) {
  for (const auto place : {RollupReader::Place::kFile, RollupReader::Place::kMemory}) {
    reader.entries(place, [&](int64_t hour, const RollupEntry& entry) {
      const int64_t time = hour * hour_ms + entry.minute * minute_ms;
      if (time >= from_ms && time < to_ms) take(time, entry);
    });
    settle(reader, place);
  }
}

void RolledSums::take(int64_t time, const RollupEntry& entry) {
  const auto kind = kind_of(entry.group);
  const RollupSums& sums = entry.sums;
  const uint64_t count = sums.count + (query_.primary_only ? 0 : sums.other_count);
  if (!kind || count == 0) return;
  const int64_t bucket = grouping_.bucket_ms > 0 ? time - time % grouping_.bucket_ms : 0;
  if (bucket != bucket_) {
    bucket_ = bucket;
    for (; bucket_begin_ < pending_.size(); ++bucket_begin_) {
      kinds_[pending_[bucket_begin_].kind].at[pending_[bucket_begin_].id] = 0;
    }
  }
  std::vector<uint32_t>& at = kinds_[*kind].at;
  if (at.size() <= entry.id) at.resize(std::max<size_t>(entry.id + 1, at.size() * 2));
  if (at[entry.id] == 0) {
    pending_.push_back({bucket, entry.id, *kind, 0, 0, 0});
    at[entry.id] = static_cast<uint32_t>(pending_.size());
  }
  Pending& to = pending_[at[entry.id] - 1];
  const int64_t hour = time - time % hour_ms;
  to.count += count;
  to.bytes += sums.bytes + (query_.primary_only ? 0 : sums.other_bytes);
  if (sums.count > 0) to.last = std::max(to.last, hour + sums.last);
  if (!query_.primary_only && sums.other_count > 0) to.last = std::max(to.last, hour + sums.other_last);
}

std::optional<size_t> RolledSums::kind_of(RollupGroup group) {
  for (const auto& [known, kind] : groups_) {
    if (known == group) return kind;
  }
  std::optional<size_t> kind;
  if (filter_.by_value() || filter_.accepts(group, {})) {
    const auto same =
        std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& k) { return same_kind(k.group, group); });
    kind = static_cast<size_t>(same - kinds_.begin());
    if (same == kinds_.end()) kinds_.push_back({group, {}});
  }
  groups_.emplace_back(group, kind);
  return kind;
}

bool RolledSums::same_kind(RollupGroup a, RollupGroup b) const {
  if (filter_.by_value() && filter_.by_group()) return a == b;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i] >= 0) continue;
    const bool is_action = grouping_.fields[i] == &field("action");
    if (is_action ? action_of(a) != action_of(b) : bypass_of(a) != bypass_of(b)) return false;
  }
  return true;
}

// Brings values and sums together, both in the order of ids.
void RolledSums::settle(RollupReader& reader, RollupReader::Place place) {
  std::sort(pending_.begin(), pending_.end(), [](const Pending& a, const Pending& b) { return a.id < b.id; });
  size_t next = 0;
  if (!pending_.empty()) {
    reader.values(place, pending_.front().id, [&](uint32_t id, std::string_view value) {
      for (; next < pending_.size() && pending_[next].id <= id; ++next) {
        if (pending_[next].id == id) add(pending_[next], value);
      }
    });
  }
  pending_.clear();
  for (Kind& kind : kinds_) kind.at.clear();
  bucket_begin_ = 0;
  bucket_ = -1;
}

void RolledSums::add(const Pending& sums, std::string_view value) {
  const RollupGroup group = kinds_[sums.kind].group;
  if (filter_.by_value() && !filter_.accepts(group, value)) return;
  const auto texts = parts_of(key_, value);
  std::vector<ColumnValue> keys;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Field& of = *grouping_.fields[i];
    if (parts_[i] < 0) {
      keys.emplace_back(&of == &field("action") ? action_of(group) : bypass_of(group));
    } else if (of.type() == FieldType::kText) {
      keys.emplace_back(std::string(texts[static_cast<size_t>(parts_[i])]));
    } else {
      keys.emplace_back(integer_of(texts[static_cast<size_t>(parts_[i])]));
    }
  }
  table_.add(sums.bucket, keys, sums.count, sums.bytes, sums.last);
}

}  // namespace sluice::store
