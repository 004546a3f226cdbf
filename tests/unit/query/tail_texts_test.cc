// What live tails share: one text for all who ask the same, their own for all others.
#include "events/query/tail_texts.h"

#include <catch2/catch.hpp>
#include <thread>

#include "events/query/limits.h"
#include "events/query/parser.h"
#include "events/query/tail_call.h"
#include "events/store/filter.h"

namespace sluice::query {
namespace {

namespace v1 = events::v1;
using Piece = store::Subscription::Piece;

store::SharedRecord record_at(uint64_t offset) {
  auto stored = std::make_shared<v1::StoredRecord>();
  stored->set_offset(offset);
  stored->mutable_record()->mutable_page_event()->set_host("host-" + std::to_string(offset) + ".example");
  return stored;
}

Piece commit(uint64_t first, uint64_t last) {
  std::vector<store::SharedRecord> records;
  for (uint64_t offset = first; offset <= last; ++offset) records.push_back(record_at(offset));
  return {std::make_shared<const std::vector<store::SharedRecord>>(std::move(records)), 0};
}

std::string joined(const TailTextList& texts) {
  std::string all;
  for (const TailText& text : *texts) all += text.bytes;
  return all;
}

void append_offset(std::string& out, const store::SharedRecord& record) {
  out += std::to_string(record->offset()) + ' ';
}

TailAudience audience(const std::string& query, bool include_open = false) {
  return {*parse(query, 0), include_open};
}
}  // namespace

TEST_CASE("tails that ask the same share one text, others have their own") {
  std::atomic<int> written = 0;
  TailTexts texts([&](std::string& out, const store::SharedRecord& record) {
    ++written;
    append_offset(out, record);
  });
  const Piece piece = commit(1, 9);
  const TailTextList first = texts.of(piece, audience("host like host"));
  CHECK(texts.of(piece, audience("host  LIKE 'host'")) == first);
  CHECK(written == 9);
  CHECK(joined(first) == "1 2 3 4 5 6 7 8 9 ");
  CHECK(joined(texts.of(piece, audience("host eq host-3.example"))) == "3 ");
  CHECK(texts.of(piece, audience("host eq nobody"))->empty());
  const Piece lost{piece.records, 7};
  CHECK(joined(texts.of(lost, audience("host like host"))) == "8 9 ");
  CHECK(joined(texts.of(commit(0, 1), audience("", true))) == "0 1 ");
  CHECK(joined(texts.of(commit(0, 1), audience("", false))) == "1 ");
}

TEST_CASE("texts are of bounded size, and those of old commits are forgotten") {
  TailTexts texts(append_offset);
  const Piece old = commit(1, tail_records_per_answer_max * 2 + 1);
  const TailTextList list = texts.of(old, audience(""));
  REQUIRE(list->size() == 3);
  CHECK(list->at(0).last_offset == tail_records_per_answer_max);
  CHECK(list->at(2).last_offset == tail_records_per_answer_max * 2 + 1);
  for (uint64_t first = 2'000; first < 2'000 + tail_texts_records_max; first += 1'000) {
    texts.of(commit(first, first + 999), audience(""));
  }
  CHECK(old.records.use_count() == 1);
  CHECK(joined(texts.of(old, audience(""))) == joined(list));
}

TEST_CASE("many tails at once get the same") {
  std::atomic<int> written = 0;
  TailTexts texts([&](std::string& out, const store::SharedRecord& record) {
    ++written;
    append_offset(out, record);
  });
  std::vector<Piece> commits;
  for (uint64_t i = 0; i < 20; ++i) commits.push_back(commit(i * 10 + 1, i * 10 + 10));
  std::vector<std::string> got(8);
  std::vector<std::thread> tails;
  for (std::string& mine : got) {
    tails.emplace_back([&] {
      for (const Piece& piece : commits) mine += joined(texts.of(piece, audience("")));
    });
  }
  for (std::thread& tail : tails) tail.join();
  CHECK(written == 200);
  for (const std::string& mine : got) CHECK(mine == got[0]);
}

TEST_CASE("records of a Tail answer are bytes of its message") {
  std::string bytes;
  append_tail_record(bytes, record_at(7));
  append_tail_record(bytes, record_at(8));
  v1::TailResponse own;
  own.set_next_offset(8);
  v1::TailResponse response;
  REQUIRE(response.ParseFromString(bytes + own.SerializeAsString()));
  REQUIRE(response.records_size() == 2);
  CHECK(response.records(1).record().page_event().host() == "host-8.example");
  CHECK(response.next_offset() == 8);
}

}  // namespace sluice::query
