#include <google/protobuf/unknown_field_set.h>

#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/store/store_fixture.h"

namespace sluice::store {

using Code = AppendResult::Code;

namespace {
int unknown_fields_of(const v1::PageEvent& event) {
  return event.GetReflection()->GetUnknownFields(event).field_count();
}
}  // namespace

TEST_CASE("the append rule: duplicate, overlap, hole, next") {
  StoreFixture f;
  const std::vector<v1::Record> three{page(1, 1), page(1, 2), page(1, 3)};
  AppendResult result = f.append(1, 1, three);
  CHECK(result.code == Code::kCommitted);
  CHECK(result.committed_seq == 3);

  result = f.append(1, 1, three);  // the same again
  CHECK(result.code == Code::kCommitted);
  CHECK(result.committed_seq == 3);
  result = f.append(1, 5, {page(1, 5)});  // 4 is missing
  CHECK(result.code == Code::kOutOfRange);
  CHECK(result.committed_seq == 3);
  result = f.append(1, 2, {page(1, 2), page(1, 3), page(1, 4), page(1, 5)});  // 2 and 3 are cut off
  CHECK(result.code == Code::kCommitted);
  CHECK(result.committed_seq == 5);

  CHECK(f.read_all().size() == 5);
  CHECK(f.search().records.size() == 5);
  CHECK(f.store().counters().duplicate_batches == 1);
}

TEST_CASE("two producers do not disturb each other, and a producer belongs to its first source") {
  StoreFixture f;
  CHECK(f.append(1, 1, {page(1, 1)}).committed_seq == 1);
  CHECK(f.append(2, 1, {page(2, 1), page(2, 2)}).committed_seq == 2);
  CHECK(f.append(1, 2, {page(1, 2)}).committed_seq == 2);
  CHECK(f.append(batch_of(1, 3, {page(1, 3)}, "somebody.else")).code == Code::kForbidden);
  CHECK(f.hello(1, "somebody.else").code == Code::kForbidden);
  f.reopen();
  CHECK(f.hello(1, "somebody.else").code == Code::kForbidden);
  CHECK(f.hello(1).committed_seq == 2);
  CHECK(f.hello(2).committed_seq == 2);
  CHECK(f.hello(3).committed_seq == 0);
}

TEST_CASE("an open event is replaced by higher revisions and gone with its final") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1, v1::STATE_OPEN, 1)});
  CHECK(f.search().records.at(0).offset() == 0);
  f.append(1, 2, {page(1, 1, v1::STATE_OPEN, 3)});
  f.append(1, 3, {page(1, 1, v1::STATE_OPEN, 2)});  // late: does not replace
  SearchPage found = f.search();
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].record().page_event().revision() == 3);
  CHECK(found.records[0].record().page_event().ingested_time() == noon);
  CHECK(f.read_all().empty());

  f.append(1, 4, {page(1, 1, v1::STATE_CLOSED, 4)});
  found = f.search();
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].offset() == 1);
  CHECK(found.records[0].record().page_event().state() == v1::STATE_CLOSED);
  CHECK(f.store().stats()->open_events() == 0);

  f.append(1, 5, {page(1, 1, v1::STATE_CLOSED, 5)});  // a second final
  f.append(1, 6, {page(1, 1, v1::STATE_OPEN, 6)});    // an open record after it
  found = f.search();
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].record().page_event().revision() == 4);
  CHECK(f.store().counters().duplicate_finals == 1);
}

TEST_CASE("open and final in one batch, and an open event over a restart") {
  StoreFixture f;
  f.append(
      1, 1,
      {page(1, 1, v1::STATE_OPEN, 1), page(1, 1, v1::STATE_TRUNCATED, 2), page(1, 2, v1::STATE_OPEN, 1), v1::Record{}});
  CHECK(f.store().stats()->open_events() == 1);
  f.reopen();
  auto stats = f.store().stats();
  CHECK(stats->open_events() == 1);
  CHECK(stats->final_events() == 1);
  REQUIRE(stats->producers_size() == 1);
  CHECK(stats->producers(0).committed_seq() == 4);
  CHECK(stats->producers(0).open_events() == 1);
  f.append(1, 5, {page(1, 2, v1::STATE_CLOSED, 2)});
  stats = f.store().stats();
  CHECK(stats->open_events() == 0);
  CHECK(stats->producers(0).open_events() == 0);
  CHECK(stats->final_events() == 2);
}

TEST_CASE("the day file follows the event's start, clamped to the time of arrival") {
  StoreFixture f;
  const int64_t week = 7 * 24 * hour;
  f.append(
      1, 1,
      {page(1, 1), page(1, 2, v1::STATE_CLOSED, 1, noon - 24 * hour), page(1, 3, v1::STATE_CLOSED, 1, noon - 30 * week),
       page(1, 4, v1::STATE_CLOSED, 1, noon + 30 * week), page(1, 5, v1::STATE_CLOSED, 1, 0)});
  std::set<std::string> days;
  for (const auto& entry : std::filesystem::directory_iterator(f.directory())) {
    const std::string name = entry.path().filename();
    if (name.starts_with("day-") && name.ends_with(".db")) days.insert(name);
  }
  CHECK(days ==
        std::set<std::string>{"day-2025-12-25.db", "day-2025-12-31.db", "day-2026-01-01.db", "day-2026-01-08.db"});
  // Time is the event's own, whichever file it is in.
  const SearchPage found = f.search();
  REQUIRE(found.records.size() == 5);
  CHECK(found.records[0].record().page_event().numbytes() == 4);
  CHECK(found.records[1].record().page_event().numbytes() == 1);
  CHECK(found.records[4].record().page_event().numbytes() == 5);
  SearchQuery old;
  old.end_time = noon - 20 * week;
  CHECK(f.search(old).records.size() == 2);
  // Offsets have no holes, whatever file.
  const auto all = f.read_all();
  for (size_t i = 0; i < all.size(); ++i) CHECK(all[i].offset() == i + 1);
}

TEST_CASE("unknown fields, gaps, dead letters") {
  StoreFixture f;
  v1::Record gap;
  gap.mutable_gap()->set_first_seq(7);
  gap.mutable_gap()->set_timestamp(noon);
  v1::Record future = page(1, 1);
  future.mutable_page_event()->GetReflection()->MutableUnknownFields(future.mutable_page_event())->AddVarint(9999, 42);
  Batch batch = batch_of(1, 1, {future, gap, page(1, 3)});
  batch.records[2].kind = IncomingRecord::Kind::kPoison;
  batch.records[2].reason = "it smells";
  CHECK(f.append(std::move(batch)).committed_seq == 3);
  CHECK(unknown_fields_of(f.read_all().at(0).record().page_event()) == 1);
  const auto stats = f.store().stats();
  CHECK(stats->gaps() == 1);
  CHECK(stats->dead_letters() == 1);
  CHECK(stats->final_events() == 2);
  CHECK(f.search().records.size() == 1);
  SearchQuery all;
  all.page_events_only = false;
  CHECK(f.search(all).records.size() == 2);
}

TEST_CASE("a second process is refused") {
  StoreFixture f;
  const auto second = SqliteStore::open({f.directory(), {}, {}, {}});
  REQUIRE(!second.ok());
  CHECK(second.error().message.find("another process") != std::string::npos);
}

TEST_CASE("retention deletes whole days, and offsets are not given again") {
  StoreFixture f;
  f.append(1, 1, {page(1, 1, v1::STATE_CLOSED, 1, noon - 48 * hour), page(1, 2, v1::STATE_OPEN, 1, noon - 48 * hour)});
  f.append(1, 3, {page(1, 3)});
  f.search();  // readers are open
  CHECK(*f.store().retention(noon, 0) == 0);
  CHECK(*f.store().retention(noon, 1) == 1);
  CHECK(f.search().records.size() == 1);
  CHECK(f.store().stats()->open_events() == 0);
  CHECK(*f.store().retention(noon + 48 * hour, 1) == 1);
  CHECK(f.search().records.empty());
  f.reopen();
  f.append(1, 4, {page(1, 4)});
  CHECK(f.read_all().at(0).offset() == 3);
}

}  // namespace sluice::store
