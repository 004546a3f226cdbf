#include "events/store/group_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "events/store/limits.h"
#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/base/text.h"

namespace sluice::store {
namespace {
constexpr size_t no_column = std::numeric_limits<size_t>::max();

size_t column_of(const Field* field, const std::vector<const Field*>& columns) {
  const auto found = std::find(columns.begin(), columns.end(), field);
  SLUICE_ASSERT(found != columns.end());
  return static_cast<size_t>(found - columns.begin());
}

void append_number(std::string& to, int64_t number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Tells values apart; for the life of one table only.
void append_value(std::string& to, const ColumnValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    to += 'n';
    append_number(to, *number);
    return;
  }
  const std::string& text =
      std::holds_alternative<Blob>(value) ? std::get<Blob>(value).bytes : std::get<std::string>(value);
  to += 't';
  append_number(to, static_cast<int64_t>(text.size()));
  to += text;
}

std::string address_text(const std::string& bytes) {
  if (bytes.size() != sizeof(AddressBytes)) return {};
  std::array<uint8_t, 16> address{};
  std::copy(bytes.begin(), bytes.end(), address.begin());
  return base::IpAddress::v6(address).unmapped().to_string();
}

// As Field::text() of a record that has this value.
std::string text_of(const Field& field, const ColumnValue& value) {
  if (const auto* blob = std::get_if<Blob>(&value)) return address_text(blob->bytes);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const int64_t number = std::get<int64_t>(value);
  if (field.type() == FieldType::kBool) return number != 0 ? "yes" : "no";
  if (field.type() == FieldType::kEnum) return std::string(field.word(number));
  return std::to_string(number);
}

std::string raw_text(const ColumnValue& value) {
  std::string text;
  append_value(text, value);
  return text;
}

bool is_empty(const ColumnValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return *number == 0;
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty();
  return std::get<Blob>(value).bytes.empty();
}

double number_of(const ColumnValue& value) {
  const auto* number = std::get_if<int64_t>(&value);
  return number == nullptr ? 0 : static_cast<double>(*number);
}
}  // namespace

GroupTable::GroupTable(const Grouping& grouping, const std::vector<const Field*>& columns) : grouping_(grouping) {
  for (const Field* field : grouping.fields) key_columns_.push_back(column_of(field, columns));
  for (const Metric& metric : grouping.metrics) {
    metric_columns_.push_back(metric.kind == Metric::Kind::kCount ? no_column : column_of(metric.field, columns));
  }
}

GroupTable::Sums* GroupTable::group(int64_t timestamp) {
  const int64_t bucket = grouping_.bucket_ms > 0 ? timestamp - timestamp % grouping_.bucket_ms : 0;
  scratch_.clear();
  append_number(scratch_, bucket);
  for (const ColumnValue* value : key_values_) append_value(scratch_, *value);
  const auto known = groups_.find(scratch_);
  if (known != groups_.end()) return &known->second;
  if (groups_.size() >= aggregate_groups_max) {
    folded_ = true;
    return nullptr;
  }
  Sums sums;
  sums.bucket = bucket;
  for (const ColumnValue* value : key_values_) sums.keys.push_back(*value);
  sums.values.resize(grouping_.metrics.size());
  for (const Metric& metric : grouping_.metrics) {
    if (metric.kind == Metric::Kind::kDistinct) sums.distinct.resize(grouping_.metrics.size());
    if (metric.kind == Metric::Kind::kPercentile) sums.quantiles.resize(grouping_.metrics.size());
  }
  return &groups_.emplace(scratch_, std::move(sums)).first->second;
}

void GroupTable::add(int64_t timestamp, const std::vector<ColumnValue>& values) {
  key_values_.clear();
  for (const size_t column : key_columns_) key_values_.push_back(&values[column]);
  Sums* sums = group(timestamp);
  if (sums == nullptr) return;
  for (size_t i = 0; i < grouping_.metrics.size(); ++i) {
    const size_t column = metric_columns_[i];
    switch (grouping_.metrics[i].kind) {
      case Metric::Kind::kCount: sums->values[i] += 1; break;
      case Metric::Kind::kSum: sums->values[i] += number_of(values[column]); break;
      case Metric::Kind::kMax: sums->values[i] = std::max(sums->values[i], number_of(values[column])); break;
      case Metric::Kind::kDistinct:
        if (!is_empty(values[column])) sums->distinct[i].add(raw_text(values[column]));
        break;
      case Metric::Kind::kPercentile: sums->quantiles[i].add(number_of(values[column])); break;
    }
  }
}

void GroupTable::add(int64_t timestamp, const std::vector<ColumnValue>& keys, uint64_t count, uint64_t bytes,
                     int64_t last) {
  key_values_.clear();
  for (const ColumnValue& key : keys) key_values_.push_back(&key);
  Sums* sums = group(timestamp);
  if (sums == nullptr) return;
  for (size_t i = 0; i < grouping_.metrics.size(); ++i) {
    double& value = sums->values[i];
    switch (grouping_.metrics[i].kind) {
      case Metric::Kind::kCount: value += static_cast<double>(count); break;
      case Metric::Kind::kSum: value += static_cast<double>(bytes); break;
      case Metric::Kind::kMax: value = std::max(value, static_cast<double>(last)); break;
      case Metric::Kind::kDistinct:
      case Metric::Kind::kPercentile: SLUICE_ASSERT(false);  // roll-ups do not know
    }
  }
}

bool GroupTable::wanted(const Sums& sums, std::vector<std::string>& keys) const {
  for (size_t i = 0; i < sums.keys.size(); ++i) keys.push_back(text_of(*grouping_.fields[i], sums.keys[i]));
  if (grouping_.prefix.empty() || keys.empty()) return true;
  return keys[0].size() >= grouping_.prefix.size() &&
         base::equal_ignore_case(std::string_view(keys[0]).substr(0, grouping_.prefix.size()), grouping_.prefix);
}

Grouped GroupTable::take() {
  Grouped grouped;
  grouped.folded = folded_;
  for (auto& [key, sums] : groups_) {
    Group group;
    if (!wanted(sums, group.keys)) continue;
    group.bucket = sums.bucket;
    group.values = std::move(sums.values);
    for (size_t i = 0; i < grouping_.metrics.size(); ++i) {
      const Metric& metric = grouping_.metrics[i];
      if (metric.kind == Metric::Kind::kDistinct) group.values[i] = sums.distinct[i].count();
      if (metric.kind == Metric::Kind::kPercentile) group.values[i] = sums.quantiles[i].percentile(metric.percentile);
    }
    grouped.groups.push_back(std::move(group));
  }
  grouped.groups_total = grouped.groups.size();
  const auto before = [](const Group& a, const Group& b) {
    return std::tie(a.bucket, b.values[0], a.keys) < std::tie(b.bucket, a.values[0], b.keys);
  };
  const size_t kept =
      grouping_.limit == 0 ? grouped.groups.size() : std::min<size_t>(grouping_.limit, grouped.groups.size());
  std::partial_sort(grouped.groups.begin(), grouped.groups.begin() + static_cast<ptrdiff_t>(kept), grouped.groups.end(),
                    before);
  grouped.groups.resize(kept);
  return grouped;
}

}  // namespace sluice::store
