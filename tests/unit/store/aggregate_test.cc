// Aggregates against sums made by hand over the same records, from roll-ups and from scans.
#include "events/store/aggregate.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "events/store/filter.h"
#include "events/store/group_table.h"
#include "events/store/limits.h"
#include "events/store/registry.h"
#include "events/store/sketch.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice::store {
namespace {

constexpr int64_t minute = 60'000;

// Page events of several days, some not primary, some blocked; a gap now and then.
std::vector<v1::Record> some_records(std::mt19937_64& random, uint64_t producer, uint64_t first, size_t count) {
  std::vector<v1::Record> records;
  for (size_t i = 0; i < count; ++i) {
    if (random() % 50 == 0) {
      v1::Record gap;
      gap.mutable_gap()->set_timestamp(noon);
      records.push_back(gap);
      continue;
    }
    const auto age = static_cast<int64_t>(random() % (50 * 60)) * minute + static_cast<int64_t>(random() % 60'000);
    v1::Record record = page(producer, first + i, v1::STATE_CLOSED, 1, noon - age);
    v1::PageEvent& event = *record.mutable_page_event();
    event.set_primary(random() % 10 != 0);
    event.set_action(random() % 4 == 0 ? v1::VERDICT_BLOCK : v1::VERDICT_ALLOW);
    event.set_numbytes(random() % 100'000);
    event.set_duration_ms(static_cast<int64_t>(random() % 10'000));
    event.set_srcip("10.0.0." + std::to_string(random() % 5));
    event.set_domain(random() % 20 == 0 ? std::string("odd\0name", 8) : event.host());
    event.set_policy(random() % 3 == 0 ? "" : "rule " + std::to_string(random() % 3));
    event.set_policy_kind(random() % 2 == 0 ? v1::POLICY_KIND_REALTIME : v1::POLICY_KIND_UNSPECIFIED);
    event.set_bypass_traffic(random() % 3 == 0);
    if (event.bypass_traffic()) {
      event.set_bypass_reason_code(random() % 2 == 0 ? v1::BYPASS_REASON_CODE_DOMAIN : v1::BYPASS_REASON_CODE_LEARNED);
    }
    if (random() % 2 == 0) event.set_device_id("device" + std::to_string(random() % 4));
    event.set_hostname("laptop-" + std::to_string(random() % 4));
    records.push_back(record);
  }
  return records;
}

using Sums = std::map<std::vector<std::string>, std::array<double, 3>>;  // keys -> count, bytes, newest

Sums sums_of(const Grouped& grouped) {
  Sums sums;
  for (const Group& group : grouped.groups) {
    std::vector<std::string> key{std::to_string(group.bucket)};
    key.insert(key.end(), group.keys.begin(), group.keys.end());
    sums[key] = {group.values.at(0), group.values.at(1), group.values.at(2)};
  }
  return sums;
}

Sums by_hand(const std::vector<v1::Record>& records, const AggregateQuery& query, const Grouping& grouping) {
  Sums sums;
  for (const v1::Record& record : records) {
    if (!record.has_page_event()) continue;
    const v1::PageEvent& event = record.page_event();
    if (query.start_time > 0 && event.timestamp() < query.start_time) continue;
    if (query.end_time > 0 && event.timestamp() >= query.end_time) continue;
    if (query.primary_only && !event.primary()) continue;
    if (query.filter != nullptr && !matches(*query.filter, record)) continue;
    std::vector<std::string> key;
    key.push_back(grouping.bucket_ms == 0 ? "0"
                                          : std::to_string(event.timestamp() - event.timestamp() % grouping.bucket_ms));
    for (const Field* field : grouping.fields) key.push_back(field->text(record));
    sums[key][0] += 1;
    sums[key][1] += static_cast<double>(event.numbytes());
    sums[key][2] = std::max(sums[key][2], static_cast<double>(event.timestamp()));
  }
  return sums;
}

Grouping grouping_by(std::vector<const Field*> fields, int64_t bucket_ms = 0) {
  Grouping grouping;
  grouping.fields = std::move(fields);
  grouping.bucket_ms = bucket_ms;
  grouping.metrics = {Metric{}, Metric{Metric::Kind::kSum, &field("numbytes")},
                      Metric{Metric::Kind::kMax, &field("timestamp")}};
  grouping.limit = 0;
  return grouping;
}

AggregateAnswer answer_of(StoreFixture& f, const AggregateQuery& query) {
  auto answer = f.store().aggregate(query);
  REQUIRE(answer.ok());
  CHECK_FALSE(answer->partial);
  return std::move(answer).value();
}
}  // namespace

TEST_CASE("sums agree with sums made by hand, whatever way they are found") {
  const char* replay = std::getenv("SLUICE_SEED");
  const uint64_t seed = replay != nullptr ? std::strtoull(replay, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_SEED=" << seed << '\n';
  std::mt19937_64 random(seed);
  StoreFixture f;
  std::vector<v1::Record> all;
  uint64_t next = 1;
  const auto append = [&](size_t count) {
    const auto records = some_records(random, 1, next, count);
    REQUIRE(f.append(1, next, records).code == AppendResult::Code::kCommitted);
    next += records.size();
    all.insert(all.end(), records.begin(), records.end());
  };
  const std::vector<std::vector<const Field*>> ways{
      {},
      {&field("action")},
      {&field("user")},
      {&field("host")},
      {&field("srcip")},
      {&field("hostname")},  // stands in no column
      {&field("user"), &field("action")},
      {&field("app"), &field("srcip"), &field("bypass_traffic")},
      {&field("domain")},
      {&field("bypass_reason_code")},
      {&field("policy"), &field("policy_kind"), &field("action")},
      {&field("device_id"), &field("user"), &field("hostname")},
  };
  const Filter blocked = compare(field("action"), Operator::kEqual, {int64_t{v1::VERDICT_BLOCK}});
  const Filter bypassed = compare(field("bypass_traffic"), Operator::kEqual, {int64_t{1}});
  const Filter decoded = compare(field("duration_ms"), Operator::kLess, {int64_t{5'000}});
  const auto text = [](const char* name, Operator op, const char* value) {
    return compare(field(name), op, {std::string(value)});
  };
  const std::vector<Filter> filters{
      everything(),
      blocked,
      bypassed,
      decoded,
      compare(field("device_id"), Operator::kExists, {}),
      text("host", Operator::kLike, "OST1"),
      text("domain", Operator::kLike, "odd name"),
      text("app", Operator::kNotEqual, "app1"),
      *compare_regex(field("host"), "^host[1-3]"),
      any_of({text("app", Operator::kEqual, "APP2"), blocked}),
      all_of({negation(bypassed), compare(field("policy"), Operator::kExists, {})}),
      all_of({bypassed, text("host", Operator::kLike, "host2"), decoded}),
      text("host", Operator::kLike, "nobody has it"),
  };
  for (int round = 0; round < 4; ++round) {
    append(200 + random() % 300);
    if (round == 2) f.reopen();  // roll-ups are made again
    for (const Filter& filter : filters) {
      AggregateQuery query;
      query.filter = &filter;
      query.primary_only = random() % 2 == 0;
      if (random() % 2 == 0) query.start_time = noon - static_cast<int64_t>(random() % (40 * 60)) * minute - 17;
      if (random() % 2 == 0) query.end_time = noon - static_cast<int64_t>(random() % (10 * 60)) * minute + 11;
      for (const auto& fields : ways) {
        for (const int64_t bucket : {int64_t{0}, 5 * minute, hour, int64_t{7'000}}) {
          query.groupings.push_back(grouping_by(fields, bucket));
        }
      }
      const AggregateAnswer answer = answer_of(f, query);
      for (size_t i = 0; i < query.groupings.size(); ++i) {
        CAPTURE(seed, round, i, query.start_time, query.end_time, query.primary_only, &filter - filters.data());
        CHECK(sums_of(answer.groupings[i]) == by_hand(all, query, query.groupings[i]));
      }
    }
  }
}

TEST_CASE("what roll-ups can answer is not scanned") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3)});
  AggregateQuery query;
  query.groupings = {grouping_by({}), grouping_by({&field("host")}), grouping_by({&field("action")}, minute)};
  CHECK_FALSE(answer_of(f, query).scanned);
  query.groupings.push_back(grouping_by({&field("sni")}));
  CHECK(answer_of(f, query).scanned);
}

// What the pages of the console ask without being told to: none of it may cost more for more events.
TEST_CASE("the console's standing questions are not scanned") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3)});
  f.reopen();
  f.append(1, 4, {page(1, 4)});
  const auto is = [](const char* name, int64_t value) { return compare(field(name), Operator::kEqual, {value}); };
  const auto scanned = [&](const Filter& filter, const std::vector<std::vector<const char*>>& groupings,
                           int64_t bucket = 0) {
    AggregateQuery query;
    query.filter = &filter;
    query.start_time = noon - 5 * hour;
    for (const auto& names : groupings) {
      std::vector<const Field*> fields;
      for (const char* name : names) fields.push_back(&field(name));
      query.groupings.push_back(grouping_by(fields, bucket));
    }
    return answer_of(f, query).scanned;
  };
  const Filter alerts =
      compare(field("action"), Operator::kIn, {int64_t{v1::VERDICT_BLOCK}, int64_t{v1::VERDICT_ALERT}});
  const Filter bypassed = is("bypass_traffic", 1);
  const Filter blocked = is("action", v1::VERDICT_BLOCK);
  const Filter of_device = compare(field("device_id"), Operator::kExists, {});
  const Filter of_app = compare(field("app"), Operator::kEqual, {std::string("App1")});
  for (const Filter& filter : {everything(), alerts, bypassed, blocked}) {
    CHECK_FALSE(scanned(filter, {{"action"}, {"bypass_reason_code"}, {"bypass_traffic"}, {"close_reason"}}, minute));
    CHECK_FALSE(scanned(filter, {{"action"},
                                 {"bypass_reason_code"},
                                 {"app"},
                                 {"user"},
                                 {"host"},
                                 {"category"},
                                 {"process_name"},
                                 {"policy"},
                                 {"dst_country"},
                                 {"observed_by"}}));
    CHECK_FALSE(scanned(filter, {{"app"}, {"domain"}, {"user"}, {"category"}, {"close_reason"}, {"policy"}}));
    CHECK_FALSE(scanned(filter, {{"policy", "policy_kind", "action"}}));
  }
  CHECK_FALSE(
      scanned(of_device, {{"device_id", "user", "hostname"}, {"client_version"}, {"policy_version"}, {"device_os"}}));
  CHECK_FALSE(scanned(of_app, {{"domain"}, {"policy"}, {"app"}}));
}

TEST_CASE("groups come with the highest first metric first, cut at the limit, filtered by prefix") {
  StoreFixture f;
  std::vector<v1::Record> records;
  for (uint64_t i = 1; i <= 30; ++i) records.push_back(page(1, i));
  f.append(1, 1, records);
  AggregateQuery query;
  Grouping top = grouping_by({&field("user")});
  top.limit = 2;
  Grouping some = grouping_by({&field("host")});
  some.prefix = "HOST3";
  Grouping wide = grouping_by({});
  wide.metrics = {{Metric::Kind::kDistinct, &field("user")}, {Metric::Kind::kPercentile, &field("numbytes"), 50}};
  query.groupings = {top, some, wide};
  const AggregateAnswer answer = answer_of(f, query);
  CHECK(answer.groupings[0].groups.size() == 2);
  CHECK(answer.groupings[0].groups_total == 5);
  REQUIRE(answer.groupings[1].groups.size() == 1);
  CHECK(answer.groupings[1].groups[0].keys.at(0) == "host3.example");
  CHECK(answer.groupings[2].groups.at(0).values.at(0) == 5);
  CHECK(answer.groupings[2].groups.at(0).values.at(1) == Approx(15.5).epsilon(0.05));
}

TEST_CASE("more groups than memory has room for are counted as far as it goes, and the answer says so") {
  Grouping grouping = grouping_by({&field("host")});
  grouping.limit = 5;
  const std::vector<const Field*> columns{&field("host"), &field("numbytes"), &field("timestamp")};
  GroupTable table(grouping, columns);
  for (size_t i = 0; i < aggregate_groups_max + 100; ++i) {
    table.add(noon, {std::string("host") + std::to_string(i)}, 1, 2, noon);
  }
  table.add(noon, {std::string("host7")}, 3, 2, noon);
  const Grouped grouped = table.take();
  CHECK(grouped.folded);
  CHECK(grouped.groups_total == aggregate_groups_max);
  REQUIRE(grouped.groups.size() == 5);
  CHECK(grouped.groups[0].keys == std::vector<std::string>{"host7"});
  CHECK(grouped.groups[0].values == std::vector<double>{4, 4, noon});
}

TEST_CASE("a crash at any point of a commit leaves the roll-ups exact") {
  for (const CommitPoint point : {CommitPoint::kBeforeDays, CommitPoint::kAfterDay, CommitPoint::kAfterDays}) {
    StoreFixture f;
    f.append(1, 1, {page(1, 1), page(1, 2)});
    f.at_commit_point = [&](CommitPoint at) {
      if (at == point) std::filesystem::copy(f.directory(), f.directory() + ".crash");
    };
    f.append(1, 3, {page(1, 3), page(1, 4), page(1, 5)});
    f.at_commit_point = nullptr;
    SqliteStoreOptions options;
    options.directory = f.directory() + ".crash";
    options.now_ms = [] { return noon; };
    auto crashed = SqliteStore::open(std::move(options));
    REQUIRE(crashed.ok());
    AggregateQuery query;
    query.groupings = {grouping_by({}), grouping_by({&field("app")})};
    const auto answer = (*crashed)->aggregate(query);
    REQUIRE(answer.ok());
    CHECK_FALSE(answer->scanned);
    CHECK(answer->groupings[0].groups.at(0).values.at(0) == (point == CommitPoint::kBeforeDays ? 2 : 5));
  }
}

TEST_CASE("ids are the same in columns and in records, also of records that bring none") {
  StoreFixture f;
  v1::Record gap;
  gap.mutable_gap()->set_timestamp(noon);
  f.append(1, 1, {page(1, 1), gap, gap});
  SearchQuery everything_kept;
  everything_kept.page_events_only = false;
  CHECK(f.search(everything_kept).records.size() == 3);
  const Filter has_id = compare(field("event_id"), Operator::kExists, {});
  SearchQuery query;
  query.filter = &has_id;
  query.page_events_only = false;
  const auto found = f.search(query).records;
  REQUIRE(found.size() == 1);
  CHECK(matches(has_id, found[0].record()));
  for (const v1::StoredRecord& stored : f.read_all()) {
    CHECK(matches(has_id, stored.record()) == stored.record().has_page_event());
  }
}

TEST_CASE("a backup opens as a store with the same events") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3, v1::STATE_OPEN)});
  const std::string copy = f.directory() + ".copy";
  const auto backup = f.store().backup(copy);
  REQUIRE(backup.ok());
  CHECK(backup->files == 2);
  CHECK_FALSE(f.store().backup(copy).ok());  // never over an older one
  SqliteStoreOptions options;
  options.directory = copy;
  options.now_ms = [] { return noon; };
  auto opened = SqliteStore::open(std::move(options));
  REQUIRE(opened.ok());
  CHECK((*opened)->search({})->records.size() == 3);
}

TEST_CASE("sketches stay within their bounds") {
  DistinctSketch distinct;
  for (int i = 0; i < 1'000; ++i) distinct.add(std::to_string(i));
  CHECK(distinct.count() == 1'000);
  for (int i = 0; i < 100'000; ++i) distinct.add(std::to_string(i));
  CHECK(std::abs(distinct.count() - 100'000) < 5'000);
  QuantileSketch quantiles;
  CHECK(quantiles.percentile(50) == 0);
  for (int i = 1; i <= 10'000; ++i) quantiles.add(i);
  CHECK(quantiles.percentile(50) == Approx(5'000).epsilon(0.015));
  CHECK(quantiles.percentile(99) == Approx(9'900).epsilon(0.015));
}

TEST_CASE("tokens, cursors and saved queries outlive the program; a cursor has one reader") {
  TemporaryDirectory directory;
  v1::Token token;
  token.set_id("t1");
  token.set_name("siem");
  token.add_scopes("read");
  token.add_scopes("export");
  {
    auto registry = Registry::open(directory.path());
    REQUIRE(registry.ok());
    REQUIRE((*registry)->add_token(token, "hash1").ok());
    CHECK_FALSE((*registry)->add_token(token, "hash2").ok());  // the id is taken
    REQUIRE((*registry)->put_saved_query({"q1", "Blocked", "t1", "{}", noon}).ok());
    Cursor cursor;
    CHECK((*registry)->take_cursor("siem", "page", "a", noon, noon + hour, cursor) == Registry::Lease::kTaken);
    cursor.offset = 7;
    REQUIRE((*registry)->put_cursor(cursor).ok());
    CHECK((*registry)->take_cursor("siem", "page", "b", noon, noon + hour, cursor) == Registry::Lease::kHeldByAnother);
    CHECK((*registry)->take_cursor("siem", "alert", "b", noon, noon + hour, cursor) == Registry::Lease::kTaken);
    (*registry)->release_cursor("siem", "page", "a");
  }
  auto registry = Registry::open(directory.path());
  REQUIRE(registry.ok());
  const auto found = (*registry)->find_token("hash1");
  REQUIRE(found.has_value());
  CHECK(found->scopes_size() == 2);
  CHECK_FALSE((*registry)->find_token("hash3").has_value());
  Cursor cursor;
  CHECK((*registry)->take_cursor("siem", "page", "b", noon, noon + hour, cursor) == Registry::Lease::kTaken);
  CHECK(cursor.offset == 7);
  CHECK((*registry)->saved_queries().size() == 1);
  CHECK(*(*registry)->erase_saved_query("q1"));
  CHECK_FALSE(*(*registry)->erase_saved_query("q1"));
  CHECK(*(*registry)->revoke_token("t1"));
  CHECK_FALSE((*registry)->find_token("hash1").has_value());
}

}  // namespace sluice::store
