#include "events/ingest/decode.h"

#include <catch2/catch.hpp>

#include "tests/support/event_source.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice::ingest {

using store::IncomingRecord;
using Kind = IncomingRecord::Kind;

namespace {
const Producer producer{1, "loopback", "pop-test", "default"};

base::Result<store::Batch> decode(events::v1::PublishRequest request) {
  return decode_batch(*request.mutable_batch(), producer);
}
}  // namespace

TEST_CASE("a batch decodes into records that know their kind, compressed or not") {
  events::v1::Record notice;
  notice.mutable_notice()->set_kind("example");
  const std::vector<events::v1::Record> records{
      store::page(1, 1, events::v1::STATE_OPEN), store::page(1, 2), {}, notice};
  for (const bool compress : {false, true}) {
    const auto batch = decode(support::wire_batch(5, records, compress));
    REQUIRE(batch.ok());
    CHECK(batch->first_seq == 5);
    REQUIRE(batch->records.size() == 4);
    CHECK(batch->records[0].kind == Kind::kOpen);
    CHECK(batch->records[1].kind == Kind::kFinal);
    CHECK(batch->records[1].record->page_event().event_id() == "0000000000000001-2");
    CHECK(batch->records[1].bytes == records[1].SerializeAsString());
    CHECK(batch->records[2].kind == Kind::kEmpty);
    CHECK(batch->records[3].kind == Kind::kFinal);
  }
}

TEST_CASE("what cannot be stored is a dead letter with a reason, and the rest goes on") {
  std::vector<events::v1::Record> records{store::page(2, 1), store::page(1, 2), store::page(1, 3), store::page(1, 4),
                                          store::page(1, 5)};
  records[1].mutable_page_event()->clear_state();
  records[2].mutable_page_event()->set_tenant("another");
  records[3].mutable_page_event()->set_event_id("0000000000000001-x");
  auto batch = decode(support::wire_batch(1, records, true));
  REQUIRE(batch.ok());
  const char* reasons[] = {"producer's id", "no known state", "another tenant", "producer's id"};
  for (size_t i = 0; i < 4; ++i) {
    CHECK(batch->records[i].kind == Kind::kPoison);
    CHECK(batch->records[i].reason.find(reasons[i]) != std::string::npos);
  }
  CHECK(batch->records[4].kind == Kind::kFinal);

  std::vector<uint8_t> payload;
  for (const std::string_view bytes : {"\x0a\x7f"
                                       "cut off",
                                       "\xaa\x06\x01x"}) {  // no Record; a kind of the future
    report::append_entry(payload, {report::EntryKind::kOther, 0, base::as_bytes(bytes)});
  }
  events::v1::PublishRequest request;
  request.mutable_batch()->set_first_seq(1);
  request.mutable_batch()->set_count(2);
  request.mutable_batch()->set_payload(payload.data(), payload.size());
  request.mutable_batch()->set_crc32c(base::crc32c(payload));
  batch = decode(request);
  REQUIRE(batch.ok());
  CHECK(batch->records[0].reason == "the record does not parse");
  CHECK(batch->records[1].reason == "the record is of a kind that this store does not know");
}

TEST_CASE("a damaged batch is refused as a whole") {
  const auto sound = support::wire_batch(1, {store::page(1, 1), store::page(1, 2)}, false);
  REQUIRE(decode(sound).ok());
  auto damaged = sound;
  damaged.mutable_batch()->mutable_payload()->at(20) ^= 1;
  CHECK(!decode(damaged).ok());
  damaged = sound;
  damaged.mutable_batch()->set_count(3);
  CHECK(!decode(damaged).ok());
  damaged = sound;
  damaged.mutable_batch()->set_count(0);
  CHECK(!decode(damaged).ok());
  damaged = sound;
  damaged.mutable_batch()->set_first_seq(0);
  CHECK(!decode(damaged).ok());
  damaged = sound;
  damaged.mutable_batch()->set_codec(9);
  CHECK(!decode(damaged).ok());
  damaged = sound;
  damaged.mutable_batch()->set_payload("not what the entries look like");
  damaged.mutable_batch()->set_crc32c(base::crc32c(base::as_bytes(damaged.batch().payload())));
  CHECK(!decode(damaged).ok());
}

}  // namespace sluice::ingest
