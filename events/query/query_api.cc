#include "events/query/query_api.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "events/query/limits.h"
#include "events/query/request.h"
#include "events/store/aggregate.h"
#include "proxy/base/time.h"

namespace sluice::query {

namespace v1 = events::v1;
using store::FieldType;
using store::Grouping;
using store::Metric;

namespace {

QueryFault invalid(std::string message) {
  return {QueryFault::Code::kInvalid, std::move(message), std::nullopt};
}
QueryFault invalid(const QueryError& error) {
  return {QueryFault::Code::kInvalid, error.message, error};
}
QueryFault failed(const store::ReadError& error) {
  const bool token = error.code == store::ReadError::Code::kBadToken;
  return {token ? QueryFault::Code::kInvalid : QueryFault::Code::kUnavailable, error.message, std::nullopt};
}

int64_t now_ms() {
  return base::epoch_ms(base::wall_now());
}

Answer<const store::Field*> known_field(const std::string& name) {
  const store::Field* found = store::find_field(name);
  if (found != nullptr) return found;
  std::string near;
  for (const std::string& known : store::nearest_fields(name)) near += (near.empty() ? "; near are " : ", ") + known;
  return invalid("there is no field \"" + name + '"' + near);
}

bool is_number(const store::Field& field) {
  return field.type() == FieldType::kNumber || field.type() == FieldType::kTime;
}

Answer<Metric> metric_of(const v1::Metric& asked) {
  Metric metric;
  if (asked.kind() == v1::Metric::KIND_UNSPECIFIED || asked.kind() == v1::Metric::KIND_COUNT) return metric;
  const auto field = known_field(asked.field());
  if (!field.ok()) return field.error();
  metric.field = *field;
  switch (asked.kind()) {
    case v1::Metric::KIND_SUM: metric.kind = Metric::Kind::kSum; break;
    case v1::Metric::KIND_MAX: metric.kind = Metric::Kind::kMax; break;
    case v1::Metric::KIND_DISTINCT: metric.kind = Metric::Kind::kDistinct; return metric;
    case v1::Metric::KIND_PERCENTILE: metric.kind = Metric::Kind::kPercentile; break;
    default: return invalid("a metric is count, sum, max, distinct or percentile");
  }
  if (!is_number(**field))
    return invalid("a sum, maximum or percentile needs a number, and " + asked.field() + " is none");
  if (metric.kind == Metric::Kind::kPercentile) {
    metric.percentile = asked.percentile();
    if (!(metric.percentile > 0 && metric.percentile < 100)) return invalid("a percentile is above 0 and below 100");
  }
  return metric;
}

Metric bytes_metric() {
  return Metric{Metric::Kind::kSum, &store::field("numbytes"), 0};
}

uint64_t whole(double value) {
  return static_cast<uint64_t>(std::llround(std::max(value, 0.0)));
}

// A span that people read easily, so that a range has about histogram_buckets_wanted of them.
int64_t nice_bucket(int64_t range_ms) {
  constexpr int64_t second = 1'000;
  constexpr int64_t minute = 60 * second;
  constexpr int64_t hour = 60 * minute;
  constexpr int64_t day = 24 * hour;
  for (const int64_t span : {second, 5 * second, 15 * second, minute, 5 * minute, 15 * minute, 30 * minute, hour,
                             3 * hour, 6 * hour, 12 * hour, day, 7 * day}) {
    if (range_ms / span <= histogram_buckets_wanted) return span;
  }
  return 30 * day;
}
}  // namespace

struct QueryApi::Question {
  Request request;
  store::AggregateQuery query;  // its filter is set when this stands where it stays
};

template <class AnyRequest>
Answer<QueryApi::Question> QueryApi::question(const AnyRequest& request, std::vector<Grouping> groupings) {
  auto read = read_request(request.query(), request.view(), now_ms());
  if (!read.ok()) return invalid(read.error());
  Question question;
  question.request = std::move(read).value();
  question.query.start_time = request.start_time();
  question.query.end_time = request.end_time();
  question.query.primary_only = question.request.primary_only;
  question.query.page_events_only = question.request.page_events_only;
  question.query.groupings = std::move(groupings);
  question.query.budget = search_budget_ms;
  return question;
}

Answer<v1::SearchResponse> QueryApi::search(const v1::SearchRequest& request) {
  if (request.page_size() > page_size_max) {
    return invalid("page_size is at most " + std::to_string(page_size_max));
  }
  auto read = read_request(request.query(), request.view(), now_ms());
  if (!read.ok()) return invalid(read.error());
  store::SearchQuery query;
  query.filter = &read->filter;
  query.start_time = request.start_time();
  query.end_time = request.end_time();
  query.primary_only = read->primary_only;
  query.page_events_only = read->page_events_only;
  query.finals_only = request.finals_only();
  query.limit = request.page_size() == 0 ? page_size_default : request.page_size();
  query.page_token = request.page_token();
  query.fingerprint = fingerprint(request);
  query.budget = search_budget_ms;
  auto page = store_.search(query);
  if (!page.ok()) return failed(page.error());
  v1::SearchResponse response;
  for (v1::StoredRecord& record : page->records) *response.add_records() = std::move(record);
  response.set_next_page_token(page->next_page_token);
  response.set_partial(page->partial);
  return response;
}

Answer<v1::AggregateResponse> QueryApi::aggregate(const v1::AggregateRequest& request) {
  if (request.group_by_size() > static_cast<int>(group_by_max)) return invalid("group_by has at most 3 fields");
  if (request.metrics_size() > static_cast<int>(metrics_max)) return invalid("metrics are at most 10");
  if (request.limit() > groups_max) return invalid("limit is at most " + std::to_string(groups_max));
  Grouping grouping;
  for (const std::string& name : request.group_by()) {
    const auto field = known_field(name);
    if (!field.ok()) return field.error();
    grouping.fields.push_back(*field);
  }
  if (request.metrics_size() > 0) grouping.metrics.clear();
  for (const v1::Metric& asked : request.metrics()) {
    const auto metric = metric_of(asked);
    if (!metric.ok()) return metric.error();
    grouping.metrics.push_back(*metric);
  }
  grouping.limit = request.limit() == 0 ? groups_default : request.limit();
  auto asked = question(request, {grouping});
  if (!asked.ok()) return asked.error();
  asked->query.filter = &asked->request.filter;
  const auto answer = store_.aggregate(asked->query);
  if (!answer.ok()) return failed(answer.error());
  v1::AggregateResponse response;
  const store::Grouped& grouped = answer->groupings.at(0);
  for (const store::Group& group : grouped.groups) {
    v1::AggregateResponse::Group& out = *response.add_groups();
    for (const std::string& key : group.keys) out.add_keys(key);
    for (const double value : group.values) out.add_values(value);
  }
  response.set_groups_total(grouped.groups_total);
  response.set_partial(answer->partial || grouped.folded);
  response.set_covered_from(answer->covered_from);
  return response;
}

Answer<v1::HistogramResponse> QueryApi::histogram(const v1::HistogramRequest& request) {
  Grouping grouping;
  grouping.limit = 0;
  grouping.metrics = {Metric{}, bytes_metric()};
  if (!request.stack_by().empty()) {
    const auto field = known_field(request.stack_by());
    if (!field.ok()) return field.error();
    if ((*field)->type() != FieldType::kEnum && (*field)->type() != FieldType::kBool) {
      return invalid("stack_by needs a field of few values such as action, bypass_traffic or bypass_reason_code");
    }
    grouping.fields = {*field};
  }
  v1::HistogramRequest placed = request;
  if (placed.end_time() == 0) placed.set_end_time(now_ms() + 1);
  if (placed.start_time() == 0) {
    const auto stats = store_.stats();
    if (!stats.ok()) return failed(stats.error());
    placed.set_start_time(stats->oldest_timestamp() > 0 ? stats->oldest_timestamp() : placed.end_time() - 1);
  }
  if (placed.start_time() >= placed.end_time()) return invalid("start_time must be before end_time");
  const int64_t range = placed.end_time() - placed.start_time();
  grouping.bucket_ms = request.bucket_ms() > 0 ? request.bucket_ms() : nice_bucket(range);
  if (range / grouping.bucket_ms > static_cast<int64_t>(histogram_buckets_max)) {
    return invalid("a histogram has at most " + std::to_string(histogram_buckets_max) + " buckets");
  }
  auto asked = question(placed, {grouping});
  if (!asked.ok()) return asked.error();
  asked->query.filter = &asked->request.filter;
  if (request.end_time() == 0) asked->query.end_time = 0;  // whole slots of roll-ups up to the newest event
  const auto answer = store_.aggregate(asked->query);
  if (!answer.ok()) return failed(answer.error());

  v1::HistogramResponse response;
  const int64_t first = placed.start_time() - placed.start_time() % grouping.bucket_ms;
  const auto buckets = static_cast<size_t>((placed.end_time() - 1 - first) / grouping.bucket_ms + 1);
  response.set_first_bucket(first);
  response.set_bucket_ms(grouping.bucket_ms);
  response.set_buckets(static_cast<uint32_t>(buckets));
  response.set_partial(answer->partial);
  response.set_covered_from(answer->covered_from);
  std::map<std::string, v1::HistogramResponse::Series> series;
  std::map<std::string, uint64_t> totals;
  for (const store::Group& group : answer->groupings.at(0).groups) {
    const int64_t at = (group.bucket - first) / grouping.bucket_ms;
    if (group.bucket < first || at >= static_cast<int64_t>(buckets)) continue;
    const std::string key = group.keys.empty() ? "" : group.keys[0];
    v1::HistogramResponse::Series& of = series[key];
    if (of.counts_size() == 0) {
      of.set_key(key);
      of.mutable_counts()->Resize(static_cast<int>(buckets), 0);
      of.mutable_bytes()->Resize(static_cast<int>(buckets), 0);
    }
    of.set_counts(static_cast<int>(at), whole(group.values[0]));
    of.set_bytes(static_cast<int>(at), whole(group.values[1]));
    totals[key] += whole(group.values[0]);
  }
  for (auto& [key, of] : series) *response.add_series() = std::move(of);
  std::sort(response.mutable_series()->begin(), response.mutable_series()->end(), [&](const auto& a, const auto& b) {
    return std::tuple(totals[b.key()], a.key()) < std::tuple(totals[a.key()], b.key());
  });
  return response;
}

Answer<v1::FieldValuesResponse> QueryApi::field_values(const v1::FieldValuesRequest& request) {
  if (request.fields_size() == 0) return invalid("fields is empty; name at least one field");
  if (request.fields_size() > static_cast<int>(value_fields_max)) return invalid("fields are at most 20");
  if (request.limit() > values_max) return invalid("limit is at most " + std::to_string(values_max));
  std::vector<Grouping> groupings;
  for (const std::string& name : request.fields()) {
    const auto field = known_field(name);
    if (!field.ok()) return field.error();
    Grouping grouping;
    grouping.fields = {*field};
    grouping.metrics = {Metric{}, bytes_metric()};
    grouping.prefix = request.prefix();
    grouping.limit = request.limit() == 0 ? values_default : request.limit();
    groupings.push_back(std::move(grouping));
  }
  auto asked = question(request, std::move(groupings));
  if (!asked.ok()) return asked.error();
  asked->query.filter = &asked->request.filter;
  const auto answer = store_.aggregate(asked->query);
  if (!answer.ok()) return failed(answer.error());
  v1::FieldValuesResponse response;
  response.set_partial(answer->partial);
  response.set_covered_from(answer->covered_from);
  for (int i = 0; i < request.fields_size(); ++i) {
    const store::Grouped& grouped = answer->groupings.at(static_cast<size_t>(i));
    v1::FieldValuesResponse::FieldCounts& counts = *response.add_fields();
    counts.set_field(store::find_field(request.fields(i))->name());
    counts.set_values_total(grouped.groups_total);
    for (const store::Group& group : grouped.groups) {
      v1::FieldValuesResponse::Value& value = *counts.add_values();
      value.set_value(group.keys.at(0));
      value.set_count(whole(group.values.at(0)));
      value.set_bytes(whole(group.values.at(1)));
    }
  }
  return response;
}

Answer<v1::StatsResponse> QueryApi::stats() {
  auto stats = store_.stats();
  if (!stats.ok()) return failed(stats.error());
  return std::move(stats).value();
}

Answer<v1::BackupResponse> QueryApi::backup(const v1::BackupRequest& request) {
  if (!request.directory().starts_with('/')) return invalid("the folder of a backup needs an absolute name");
  const auto made = store_.backup(request.directory());
  if (!made.ok()) return failed(made.error());
  v1::BackupResponse response;
  response.set_files(made->files);
  response.set_bytes(made->bytes);
  return response;
}

Answer<std::vector<v1::StoredRecord>> QueryApi::collect(v1::SearchRequest request, size_t limit) {
  std::vector<v1::StoredRecord> records;
  request.set_finals_only(true);
  while (records.size() < limit) {
    request.set_page_size(static_cast<uint32_t>(std::min<size_t>(limit - records.size(), page_size_max)));
    auto page = search(request);
    if (!page.ok()) return page.error();
    for (v1::StoredRecord& record : *page->mutable_records()) records.push_back(std::move(record));
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  if (records.size() > limit) records.resize(limit);
  return records;
}

}  // namespace sluice::query
