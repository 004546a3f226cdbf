// Differential: what SQL finds (and matches() confirms where SQL only narrows) is what matches() says of every record.
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <memory>
#include <set>

#include "events/query/limits.h"
#include "events/query/parser.h"
#include "events/store/filter.h"
#include "tests/unit/query/random_query.h"

using namespace sluice;
using events::v1::Record;
using store::Field;
using store::FieldType;

namespace {

bool is_column(const Field& field) {
  static const std::set<std::string> columns = {
      "record_type",    "timestamp",    "action",       "user",     "host",        "app", "srcip",  "dstip",
      "bypass_traffic", "client_bytes", "close_reason", "category", "user_groups", "url", "dstport"};
  return columns.contains(field.name());
}

void bind(sqlite3_stmt* statement, int at, const store::ColumnValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    REQUIRE(sqlite3_bind_int64(statement, at, *number) == SQLITE_OK);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    REQUIRE(sqlite3_bind_text(statement, at, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT) == 0);
  } else {
    const std::string& bytes = std::get<store::Blob>(value).bytes;
    REQUIRE(sqlite3_bind_blob(statement, at, bytes.data() == nullptr ? "" : bytes.data(),
                              static_cast<int>(bytes.size()), SQLITE_TRANSIENT) == SQLITE_OK);
  }
}

// An in-memory table with some of the fields as columns.
class Table {
 public:
  Table() {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK);
    db_.reset(db);
    std::string ddl = "CREATE TABLE t (id INTEGER PRIMARY KEY";
    for (const Field& field : store::fields()) {
      if (is_column(field)) ddl += ", \"" + field.name() + '"';
    }
    REQUIRE(sqlite3_exec(db, (ddl + ")").c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  void insert(int64_t id, const Record& record) {
    std::string sql = "INSERT INTO t VALUES (?";
    std::vector<store::ColumnValue> values{id};
    for (const Field& field : store::fields()) {
      if (!is_column(field)) continue;
      sql += ",?";
      values.push_back(field.column(record));
    }
    run(sql + ")", values);
  }
  std::set<int64_t> find(const store::SqlCondition& condition) {
    return run("SELECT id FROM t WHERE " + condition.text, condition.values);
  }

 private:
  std::set<int64_t> run(const std::string& sql, const std::vector<store::ColumnValue>& values) {
    sqlite3_stmt* raw = nullptr;
    const int prepared = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr);
    const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, sqlite3_finalize);
    INFO(sql << ": " << sqlite3_errmsg(db_.get()));
    REQUIRE(prepared == SQLITE_OK);
    REQUIRE(sqlite3_bind_parameter_count(raw) == static_cast<int>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) bind(raw, static_cast<int>(i + 1), values[i]);
    std::set<int64_t> ids;
    int step = SQLITE_ROW;
    while ((step = sqlite3_step(raw)) == SQLITE_ROW) ids.insert(sqlite3_column_int64(raw, 0));
    REQUIRE(step == SQLITE_DONE);
    return ids;
  }
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

store::Filter parsed(const std::string& query) {
  auto filter = query::parse(query, 0);
  INFO(query);
  REQUIRE(filter.ok());
  return std::move(filter).value();
}
}  // namespace

TEST_CASE("random filters find the same records in memory and by SQL") {
  const uint64_t seed = test::random_seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << '\n';
  test::Random random(seed);
  Table table;
  std::vector<Record> records;
  for (int64_t id = 0; id < 400; ++id) {
    records.push_back(test::random_record(random));
    table.insert(id, records.back());
  }
  size_t found = 0;
  for (int round = 0; round < 4'000; ++round) {
    const store::Filter filter = test::random_filter(random, static_cast<int>(random() % 4));
    const auto condition = store::to_sql(filter, is_column);
    const std::set<int64_t> rows = table.find(condition);
    size_t wanted = 0;
    for (size_t id = 0; id < records.size(); ++id) {
      const bool matches = store::matches(filter, records[id]);
      const bool row = rows.contains(static_cast<int64_t>(id));
      wanted += matches ? 1 : 0;
      if (condition.exact ? matches != row : matches && !row) {
        FAIL("seed " << seed << ": " << query::print(filter) << "\n"
                     << condition.text << "\n"
                     << records[id].DebugString() << "matches " << matches << " row " << row);
      }
    }
    found += wanted;
  }
  CHECK(found > 100'000);  // the pools meet often enough for the comparison to mean something
}

TEST_CASE("values are bound, never written into the statement") {
  const auto condition = store::to_sql(parsed("user = \"x' OR 1=1 --\" and host like \"50%_\\\\\""), is_column);
  CHECK(condition.text.find("1=1 --") == std::string::npos);
  CHECK(condition.values ==
        std::vector<store::ColumnValue>{std::string("x' OR 1=1 --"), std::string("%50\\%\\_\\\\%")});
  CHECK(condition.exact);
}

TEST_CASE("what has no column widens the condition, negated or not") {
  CHECK_FALSE(store::to_sql(parsed("sni = a"), is_column).exact);
  CHECK_FALSE(store::to_sql(parsed("not sni = a"), is_column).exact);
  CHECK_FALSE(store::to_sql(parsed("host ~ a"), is_column).exact);
  CHECK_FALSE(store::to_sql(parsed("user_groups = a"), is_column).exact);
  CHECK(store::to_sql(parsed("close_reason ~ timeout"), is_column).exact);
  CHECK(store::to_sql(parsed("srcip in 10.0.0.0/8"), is_column).exact);
  CHECK(store::to_sql(store::everything(), is_column).exact);
}

TEST_CASE("the widest and deepest queries that are allowed are within SQLite's limits") {
  Table table;
  std::string wide = "app = a";
  for (size_t i = 1; i < query::query_comparisons_max; ++i) wide += " or app = a";
  table.find(store::to_sql(parsed(wide), is_column));
  std::string list = "srcip in (10.0.0.0/8";
  for (size_t i = 0; i < 1'500; ++i) list += ",1.0.0.0/8";
  table.find(store::to_sql(parsed(list + ")"), is_column));
  std::string deep = "app = a";
  for (size_t i = 0; i < query::query_depth_max; ++i) {
    std::string chain = i % 2 == 0 ? "(" : "(app = b or ";
    for (int n = 0; n < 29; ++n) chain += i % 2 == 0 ? "app = b and " : "app = b or ";
    deep = chain + deep + ")";
  }
  table.find(store::to_sql(parsed(deep), is_column));
}
