#include <catch2/catch.hpp>
#include <cstdio>
#include <random>
#include <set>

#include "events/store/filter.h"
#include "events/store/hot_column.h"
#include "events/store/page_token.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice::store {

TEST_CASE("hot columns hold what Field::column says") {
  for (const HotColumn& column : hot_columns()) {
    INFO(column.name);
    REQUIRE(find_field(column.name) != nullptr);
    const FieldType type = find_field(column.name)->type();
    const std::string_view expected = type == FieldType::kText      ? "TEXT NOT NULL COLLATE NOCASE"
                                      : type == FieldType::kAddress ? "BLOB NOT NULL"
                                                                    : "INTEGER NOT NULL";
    CHECK(column.sql_type == expected);
  }
  // Each field of a record gets a value of its own, so that two swapped columns show.
  v1::Record record = page(1, 1);
  v1::PageEvent& event = *record.mutable_page_event();
  int64_t next = 1000;
  for (const HotColumn& column : hot_columns()) {
    const auto* field = event.GetDescriptor()->FindFieldByName(std::string(column.name));
    if (field == nullptr) continue;  // record_type
    const auto* r = event.GetReflection();
    ++next;
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
        r->SetString(&event, field,
                     column.name == "srcip"   ? "10.1.2.3"
                     : column.name == "dstip" ? "2001:db8::1"
                                              : std::string(column.name) + "-value");
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT32: r->SetUInt32(&event, field, uint32_t(next)); break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT64: r->SetUInt64(&event, field, uint64_t(next)); break;
      case google::protobuf::FieldDescriptor::CPPTYPE_INT64: r->SetInt64(&event, field, next); break;
      case google::protobuf::FieldDescriptor::CPPTYPE_ENUM: r->SetEnumValue(&event, field, int(next)); break;
      case google::protobuf::FieldDescriptor::CPPTYPE_BOOL: r->SetBool(&event, field, true); break;
      default: FAIL("a type without a case");
    }
  }
  auto database = Database::open(":memory:", Database::Mode::kWrite);
  REQUIRE(database.ok());
  (*database)->execute("CREATE TABLE t(" + hot_column_definitions() + ")");
  Statement insert = (*database)->prepare("INSERT INTO t VALUES(" + hot_column_marks() + ")");
  bind_hot_columns(insert, 1, record, event.ingested_time());
  REQUIRE(insert.run());
  Statement select = (*database)->prepare("SELECT * FROM t");
  REQUIRE(select.step() == Step::kRow);
  int at = 0;
  for (const HotColumn& column : hot_columns()) {
    INFO(column.name);
    const ColumnValue value = field(column.name).column(record);
    if (const auto* number = std::get_if<int64_t>(&value)) CHECK(select.integer(at) == *number);
    if (const auto* text = std::get_if<std::string>(&value)) CHECK(select.text(at) == *text);
    if (const auto* blob = std::get_if<Blob>(&value)) CHECK(select.blob(at) == blob->bytes);
    ++at;
  }
}

TEST_CASE("filters by column, by decoded field, view and time") {
  StoreFixture f;
  std::vector<v1::Record> records;
  for (uint64_t i = 1; i <= 200; ++i) {
    records.push_back(page(1, i, v1::STATE_CLOSED, 1, noon + static_cast<int64_t>(i)));
    records.back().mutable_page_event()->set_url("https://x.example/" + std::to_string(i));
    if (i % 10 == 0) records.back().mutable_page_event()->set_primary(false);
  }
  f.append(1, 1, records);
  SearchQuery query;
  query.limit = 1000;
  CHECK(f.search(query).records.size() == 180);
  query.primary_only = false;
  CHECK(f.search(query).records.size() == 200);
  const Filter host = compare(field("host"), Operator::kEqual, {std::string("HOST3.example")});
  query.filter = &host;
  CHECK(f.search(query).records.size() == 29);
  const Filter url = compare(field("url"), Operator::kLike, {std::string("/19")});
  query.filter = &url;
  SearchPage found = f.search(query);
  CHECK(found.records.size() == 11);  // 19, 190..199
  CHECK(found.records.at(0).record().page_event().numbytes() == 199);
  query.start_time = noon + 195;
  query.end_time = noon + 199;
  CHECK(f.search(query).records.size() == 4);
  query.budget = std::chrono::milliseconds{0};
  found = f.search(query);
  CHECK(found.partial);
  CHECK(found.records.empty());
  query.page_token = found.next_page_token;
  query.budget = std::chrono::milliseconds{2000};
  CHECK(f.search(query).records.size() == 4);
}

TEST_CASE("pages are stable while events come and open events close") {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  StoreFixture f;
  constexpr uint64_t events = 500;
  // Many share a millisecond; every third is still open.
  std::vector<v1::Record> records;
  std::set<std::string> expected;
  std::vector<int64_t> start(events + 1);
  for (uint64_t i = 1; i <= events; ++i) {
    start[i] = noon - static_cast<int64_t>(random() % 60) * hour + static_cast<int64_t>(random() % 3);
    records.push_back(page(1, i, i % 3 == 0 ? v1::STATE_OPEN : v1::STATE_CLOSED, 1, start[i]));
    expected.insert(records.back().page_event().event_id());
  }
  f.append(1, 1, records);
  uint64_t sequence = events + 1;
  uint64_t late = events + 1;
  std::set<std::string> found;
  SearchQuery query;
  query.limit = 7;
  query.fingerprint = 99;
  int64_t before = INT64_MAX;
  do {
    const SearchPage got = f.search(query);
    for (const auto& record : got.records) {
      const v1::PageEvent& event = record.record().page_event();
      CHECK(found.insert(event.event_id()).second);
      CHECK(event.timestamp() <= before);
      before = event.timestamp();
    }
    query.page_token = got.next_page_token;
    // Meanwhile: some open events close, and late events arrive anywhere in time.
    std::vector<v1::Record> more;
    const uint64_t closing = 1 + random() % events;
    if (closing % 3 == 0) more.push_back(page(1, closing, v1::STATE_CLOSED, 9, start[closing]));
    more.push_back(page(1, late++, v1::STATE_CLOSED, 1, noon - static_cast<int64_t>(random() % 60) * hour));
    f.append(1, sequence, more);
    sequence += more.size();
  } while (!query.page_token.empty());
  CHECK(found == expected);
  query.page_token = to_text({100, 1, 1});
  CHECK(f.store().search(query).error().code == ReadError::Code::kBadToken);
  query.page_token = "nonsense";
  CHECK(f.store().search(query).error().code == ReadError::Code::kBadToken);
}

TEST_CASE("a subscription gets what is committed, skips when slow, and says so") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1)});
  std::atomic<int> woken{0};
  auto subscription = f.store().subscribe(3, [&] { ++woken; });
  CHECK(subscription->start_offset() == 1);
  CHECK(subscription->poll().pieces.empty());
  f.append(1, 2, {page(1, 2), page(1, 3, v1::STATE_OPEN)});
  Subscription::Update update = subscription->poll();
  CHECK(update.records().size() == 2);
  CHECK(update.next_offset == 2);
  CHECK(update.skipped == 0);
  CHECK(woken == 1);
  f.append(1, 4, {page(1, 4), page(1, 5), page(1, 6), page(1, 7), page(1, 8)});
  update = subscription->poll();
  CHECK(update.records().size() == 3);
  CHECK(update.skipped == 2);
  CHECK(update.next_offset == 7);
  CHECK(f.store().read(2, 100)->records.size() == 5);  // what was skipped can be read
  f.store().close();
  CHECK(subscription->poll().ended);
}

TEST_CASE("after a restart a subscription begins behind all that the store has") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1), page(1, 2), page(1, 3)});
  f.reopen();
  const auto subscription = f.store().subscribe(10, nullptr);
  CHECK(subscription->start_offset() == 3);
  f.append(1, 4, {page(1, 4)});
  CHECK(subscription->poll().next_offset == 4);
}

TEST_CASE("page tokens survive text and refuse damage") {
  const PageToken token{0x1234, 77, 99};
  const std::string text = to_text(token);
  CHECK(parse_page_token(text) == token);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = damaged[i] == 'a' ? 'b' : 'a';
    CHECK(!parse_page_token(damaged));
    CHECK(!parse_page_token(text.substr(0, i)));
  }
}

}  // namespace sluice::store
