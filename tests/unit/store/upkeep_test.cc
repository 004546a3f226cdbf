// What happens to day files besides events: compaction, files of older programs; and searches by index, slot by slot.
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <thread>

#include "events/store/aggregate.h"
#include "events/store/filter.h"
#include "events/store/limits.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice::store {
namespace {

constexpr int64_t week = 7 * 24 * hour;

// Runs SQL in a file of a closed store; the first integer, if there is one.
int64_t sql(const std::string& file, const std::string& text) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  int64_t value = 0;
  const auto take = [](void* to, int, char** row, char**) {
    *static_cast<int64_t*>(to) = row[0] == nullptr ? 0 : std::atoll(row[0]);
    return 0;
  };
  char* error = nullptr;
  sqlite3_exec(database, text.c_str(), take, &value, &error);
  INFO((error == nullptr ? "" : error));
  CHECK(error == nullptr);
  sqlite3_free(error);
  sqlite3_close(database);
  return value;
}

std::string day_file_of(const StoreFixture& f) {
  return f.directory() + "/day-2026-01-01.db";
}

std::vector<std::string> texts(const std::vector<v1::StoredRecord>& records) {
  std::vector<std::string> all;
  for (const v1::StoredRecord& record : records) all.push_back(record.SerializeAsString());
  return all;
}

const std::function<bool()> always = [] { return true; };
}  // namespace

TEST_CASE("compaction joins small blocks of past days and changes nothing that is read") {
  StoreFixture f;
  uint64_t sequence = 1;
  for (int commit = 0; commit < 300; ++commit, ++f.now) {
    std::vector<v1::Record> records;
    for (int i = 0; i <= commit % 3; ++i) {
      // Some commits touch another day too, which leaves a hole in the offsets of the first.
      const int64_t start = noon + commit - (commit % 50 == 7 && i == 0 ? 24 * hour : 0);
      records.push_back(page(1, sequence + static_cast<uint64_t>(i), v1::STATE_CLOSED, 1, start));
    }
    if (commit % 40 == 3) {
      records.emplace_back().mutable_gap()->set_timestamp(noon + commit);
      records.back().mutable_gap()->set_last_seq(9);
    }
    f.append(1, sequence, records);
    sequence += records.size();
  }
  SearchQuery query;
  query.limit = 1000;
  query.page_events_only = false;
  const auto before = texts(f.read_all());
  const auto found = texts(f.search(query).records);
  CHECK(*f.store().compact(f.now, always) == 0);  // the day is not over
  CHECK(*f.store().compact(f.now + 72 * hour, [] { return false; }) == 0);
  const uint64_t gone = *f.store().compact(f.now + 72 * hour, always);
  CHECK(gone > 250);
  CHECK(*f.store().compact(f.now + 72 * hour, always) == 0);
  CHECK(texts(f.read_all()) == before);
  CHECK(texts(f.search(query).records) == found);
  // Late events follow, and are joined in their turn.
  for (int i = 0; i < 5; ++i, ++sequence) f.append(1, sequence, {page(1, sequence, v1::STATE_CLOSED, 1, noon)});
  const auto more = texts(f.read_all());
  CHECK(more.size() == before.size() + 5);
  CHECK(*f.store().compact(f.now + 72 * hour, always) == 4);
  f.reopen();
  CHECK(texts(f.read_all()) == more);
  CHECK(f.store().stats()->final_events() == more.size());
  f.append(1, sequence, {page(1, 1, v1::STATE_CLOSED, 1, noon)});  // the file still knows whom it has
  CHECK(f.read_all().size() == more.size());
  const std::string file = day_file_of(f);
  CHECK(sql(file, "PRAGMA freelist_count") == 0);
  CHECK(sql(file, "SELECT max(count) FROM block") <= 128);
}

TEST_CASE("compaction goes on while events come and readers read") {
  StoreFixture f;
  const auto append_some = [&](uint64_t producer, int commits) {
    uint64_t at = 1;
    for (int i = 0; i < commits; ++i, ++at) f.append(producer, at, {page(producer, at)});
  };
  append_some(1, 400);
  std::atomic<bool> over = false;
  std::thread reader([&] {
    while (!over) {
      const auto found = f.read_all();
      std::set<uint64_t> offsets;
      for (const auto& record : found) offsets.insert(record.offset());
      if (found.size() < 400 || offsets.size() != found.size()) std::abort();
    }
  });
  std::thread writer([&] { append_some(2, 200); });
  uint64_t gone = 0;
  for (int i = 0; i < 20; ++i) gone += *f.store().compact(noon + 72 * hour, always);
  writer.join();
  over = true;
  reader.join();
  CHECK(gone > 350);
  CHECK(f.read_all().size() == 600);
}

TEST_CASE("a search by index or by minutes finds what a look at everything finds") {
  StoreFixture f;
  std::mt19937_64 random(7);
  std::vector<v1::Record> records;
  for (uint64_t i = 1; i <= 600; ++i) {
    // Over three days and the clamped ones, many on the borders of slots.
    int64_t at = noon - static_cast<int64_t>(random() % static_cast<uint64_t>(72 * hour));
    if (i % 3 == 0) at -= at % 600'000;
    if (i % 3 == 1) at -= at % 600'000 + 1;
    if (i % 97 == 0) at = i % 2 == 0 ? noon + 30 * week : noon - 30 * week;
    records.push_back(page(1, i, v1::STATE_CLOSED, 1, at));
    records.back().mutable_page_event()->set_action(i % 40 == 0 ? v1::VERDICT_BLOCK : v1::VERDICT_ALLOW);
    records.back().mutable_page_event()->set_bypass_traffic(i % 9 == 0);
    if (i != 300) continue;
    f.append(1, 1, records);  // the roll-ups of these stand in the file, those of the others in memory
    f.reopen();
    records.clear();
  }
  f.append(1, 301, records);
  const auto by = [](const char* name, const char* value) {
    return compare(field(name), Operator::kEqual, {std::string(value)});
  };
  const Filter plain = compare(field("numbytes"), Operator::kGreater, {int64_t{0}});
  std::vector<Filter> filters;
  filters.push_back(by("host", "HOST3.example"));
  filters.push_back(by("user", "user2"));
  filters.push_back(all_of({by("app", "App1"), by("user", "user4")}));
  filters.push_back(
      compare(field("host"), Operator::kIn, {std::string("host1.example"), std::string("host5.example")}));
  const auto is = [](const char* name, Operator op, int64_t value) { return compare(field(name), op, {value}); };
  filters.push_back(is("action", Operator::kEqual, v1::VERDICT_BLOCK));
  filters.push_back(is("action", Operator::kNotEqual, v1::VERDICT_ALLOW));
  filters.push_back(
      all_of({is("action", Operator::kEqual, v1::VERDICT_BLOCK), is("bypass_traffic", Operator::kEqual, 1)}));
  filters.push_back(all_of({is("bypass_traffic", Operator::kEqual, 1), by("domain", "")}));
  filters.push_back(compare(field("action"), Operator::kIn, {int64_t{v1::VERDICT_BLOCK}, int64_t{v1::VERDICT_DROP}}));
  const auto like = [](const char* name, const char* value) {
    return compare(field(name), Operator::kLike, {std::string(value)});
  };
  filters.push_back(like("host", "OST3"));
  filters.push_back(*compare_regex(field("user"), "^user[12]$"));
  filters.push_back(all_of({like("host", "host"), like("app", "0"), is("bypass_traffic", Operator::kEqual, 1)}));
  filters.push_back(negation(like("user", "user3")));
  filters.push_back(any_of({like("host", "host1"), is("action", Operator::kEqual, v1::VERDICT_BLOCK)}));
  filters.push_back(all_of({like("host", "host4"), is("numbytes", Operator::kGreater, 100)}));
  for (const Filter& filter : filters) {
    for (const auto& [start, end] : {std::pair<int64_t, int64_t>{0, 0}, {noon - 30 * hour, noon - 2 * hour}}) {
      SearchQuery query;
      query.filter = &plain;
      query.start_time = start;
      query.end_time = end;
      query.limit = 1000;
      std::vector<std::string> expected;
      for (const auto& stored : f.search(query).records) {
        if (matches(filter, stored.record())) expected.push_back(stored.SerializeAsString());
      }
      REQUIRE(!expected.empty());
      query.filter = &filter;
      query.limit = 7;
      query.fingerprint = 1;
      std::vector<std::string> found;
      do {
        const SearchPage part = f.search(query);
        for (const std::string& text : texts(part.records)) found.push_back(text);
        query.page_token = part.next_page_token;
      } while (!query.page_token.empty());
      CHECK(found == expected);
      AggregateQuery sums;
      sums.filter = &filter;
      sums.start_time = start;
      sums.end_time = end;
      sums.groupings.emplace_back();
      const auto answer = f.store().aggregate(sums);
      REQUIRE(answer.ok());
      CHECK(answer->groupings.at(0).groups.at(0).values.at(0) == static_cast<double>(expected.size()));
    }
  }
}

TEST_CASE("an index is used where it helps, for its slot") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1)});
  f.reopen();
  const std::string file = day_file_of(f);
  const auto plan = [&](const std::string& condition) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    std::string text;
    const auto add = [](void* to, int, char** row, char**) {
      *static_cast<std::string*>(to) += row[3];
      return 0;
    };
    sqlite3_exec(database,
                 ("EXPLAIN QUERY PLAN SELECT key FROM final WHERE " + condition + " ORDER BY key DESC LIMIT 9").c_str(),
                 add, &text, nullptr);
    sqlite3_close(database);
    return text;
  };
  const std::string range = "key >= 1 AND key < 9 AND first_offset <= 5";
  CHECK_THAT(
      plan("slot = 3 AND " + range + " AND (host = 'x' COLLATE NOCASE)"),
      Catch::Contains("final_slot_host (slot=? AND host=? AND rowid>? AND rowid<?)") && !Catch::Contains("TEMP"));
  CHECK_THAT(plan(range + " AND (host = 'x' COLLATE NOCASE)"), Catch::Contains("PRIMARY KEY (rowid>? AND rowid<?)"));
  std::string many;
  for (size_t i = 0; i < narrowing_values_max; ++i) many += (i == 0 ? "'" : ",'") + std::to_string(i) + '\'';
  CHECK_THAT(plan("slot = 3 AND " + range + " AND (host LIKE '%x%') AND host IN (" + many + ")"),
             Catch::Contains("final_slot_host (slot=? AND host=?"));
  const auto host = compare(field("host"), Operator::kEqual, {std::string("x")});
  const auto domain = compare(field("domain"), Operator::kEqual, {std::string("x")});
  CHECK(is_indexed(&host));
  CHECK(!is_indexed(&domain));
  CHECK(!is_indexed(nullptr));
  const auto is = [](const Filter& filter) { return is_indexed(&filter); };
  CHECK(is(all_of({domain, host})));
  CHECK(is(Filter{Or{{host, host}}}));
  CHECK(!is(Filter{Or{{host, domain}}}));
  CHECK(!is(Filter{Not{{host}}}));
}

TEST_CASE("a day file of an older program gets its slots") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3)});
  const std::string file = day_file_of(f);
  f.close();
  sql(file,
      "DROP INDEX final_slot_host; DROP INDEX final_slot_user; DROP INDEX final_slot_app;"
      "ALTER TABLE final DROP COLUMN slot; DROP TABLE rollup; DROP TABLE rollup_value;"
      "CREATE INDEX final_host ON final(host); CREATE INDEX final_user ON final(\"user\");"
      "CREATE INDEX final_app ON final(app); UPDATE meta SET value=2 WHERE name='schema_version'");
  f.open();
  f.append(1, 4, {page(1, 4)});
  const auto host = compare(field("host"), Operator::kEqual, {std::string("host4.example")});
  SearchQuery query;
  query.filter = &host;
  CHECK(f.search(query).records.size() == 1);
  CHECK(f.search().records.size() == 4);
  f.close();
  CHECK(sql(file, "SELECT count(*) FROM sqlite_master WHERE type='index' AND name LIKE 'final_slot_%'") == 3);
  CHECK(sql(file, "SELECT count(*) FROM sqlite_master WHERE name='final_host'") == 0);
  sql(file, "UPDATE meta SET value=99 WHERE name='schema_version'");
  auto refused = SqliteStore::open({f.directory(), {}, {}, {}});
  CHECK(!refused.ok());
  sql(file, "UPDATE meta SET value=4 WHERE name='schema_version'");
  f.open();
}

TEST_CASE("roll-ups that an older program made are made again from the events") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3)});
  f.close();
  sql(day_file_of(f),
      "DROP TABLE rollup; DROP TABLE rollup_value; CREATE TABLE rollup(field INTEGER NOT NULL, slot INTEGER NOT NULL,"
      " value NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, other_count INTEGER NOT NULL,"
      " other_bytes INTEGER NOT NULL, PRIMARY KEY(field, slot, value)) WITHOUT ROWID;"
      "INSERT INTO rollup VALUES(1,1,'x',1,1,1,1);"
      "UPDATE meta SET value=3 WHERE name='schema_version'; UPDATE meta SET value=3 WHERE name='rollup_offset'");
  f.open();
  f.append(1, 4, {page(1, 4)});
  AggregateQuery query;
  query.groupings.emplace_back().fields = {&field("user")};
  for (int round = 0; round < 2; ++round, f.reopen()) {
    const auto answer = f.store().aggregate(query);
    REQUIRE(answer.ok());
    CHECK_FALSE(answer->scanned);
    CHECK(answer->groupings.at(0).groups_total == 4);
  }
}

TEST_CASE("a backup made while days begin has all that its catalogue knows") {
  StoreFixture f;
  std::atomic<bool> over = false;
  std::thread writer([&] {
    for (uint64_t at = 1; !over; ++at) {
      const auto day = static_cast<int64_t>(at % 14);
      f.append(1, at, {page(1, at, v1::STATE_CLOSED, 1, noon + (day - 7) * 24 * hour)});
    }
  });
  for (int i = 0; i < 8; ++i) {
    const std::string target = f.directory() + ".copy" + std::to_string(i);
    REQUIRE(f.store().backup(target).ok());
    auto copy = SqliteStore::open({target, [] { return noon; }, {}, {}});
    REQUIRE(copy.ok());
    const auto stats = (*copy)->stats();
    REQUIRE(stats.ok());
    // The producer would go on behind its watermark: everything up to there must be in the copy.
    const uint64_t committed = stats->producers_size() == 0 ? 0 : stats->producers(0).committed_seq();
    std::set<uint64_t> counters;
    uint64_t offset = 0;
    for (bool caught_up = false; !caught_up;) {
      const auto part = (*copy)->read(offset, 1000);
      REQUIRE(part.ok());
      for (const auto& stored : part->records) counters.insert(stored.record().page_event().numbytes());
      offset = part->next_offset;
      caught_up = part->caught_up;
    }
    for (uint64_t counter = 1; counter <= committed; ++counter) {
      if (!counters.contains(counter)) FAIL("record " << counter << " of " << committed << " is missing");
    }
  }
  over = true;
  writer.join();
}

}  // namespace sluice::store
