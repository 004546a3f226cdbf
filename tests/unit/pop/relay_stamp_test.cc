// What a device says of itself, and what leaves the PoP in its name.
#include "proxy/pop/relay_stamp.h"

#include <google/protobuf/unknown_field_set.h>

#include <catch2/catch.hpp>

#include "proxy/base/crc32c.h"
#include "proxy/report/frame.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::pop {

namespace {

namespace v1 = events::v1;
using report::Entry;
using report::EntryKind;

RelaySource ann() {
  RelaySource source;
  source.identity.tenant = "acme";
  source.identity.device = "laptop-1";
  source.identity.user = "ann";
  source.egress_ip = "198.51.100.7";
  source.device =
      std::make_shared<const flow::Device>(flow::Device{"laptop-1", "ann-laptop", "linux", "managed", "0.1.0"});
  return source;
}

v1::Record direct_bypass() {
  v1::Record record;
  v1::PageEvent& event = *record.mutable_page_event();
  event.set_origin(v1::ORIGIN_CLIENT);
  event.set_action(v1::VERDICT_BYPASS);
  event.set_bypass_mode(v1::BYPASS_MODE_DIRECT);
  event.set_correlation_id("laptop-1/0000000000000001");
  event.set_host("client.dropbox.com");
  event.set_primary(true);
  return record;
}

v1::PublishRequest::Batch batch_of(const std::vector<v1::Record>& records) {
  std::vector<uint8_t> payload;
  for (const v1::Record& record : records) {
    const std::string bytes = record.SerializeAsString();
    const bool event = record.has_page_event();
    report::append_entry(payload,
                         {event ? EntryKind::kFinal : EntryKind::kOther, event ? 7u : 0u, base::as_bytes(bytes)});
  }
  v1::PublishRequest::Batch batch;
  batch.set_first_seq(41);
  batch.set_count(static_cast<uint32_t>(records.size()));
  batch.set_payload(payload.data(), payload.size());
  batch.set_crc32c(base::crc32c(payload));
  return batch;
}

struct Unpacked {
  EntryKind kind;
  v1::Record record;
};

std::vector<Unpacked> records_of(const v1::PublishRequest::Batch& batch) {
  CHECK(base::crc32c(base::as_bytes(batch.payload())) == batch.crc32c());
  std::vector<uint8_t> space;
  const auto payload = report::unpack_payload(batch.codec(), base::as_bytes(batch.payload()), space);
  REQUIRE(payload);
  const auto entries = report::decode_entries(*payload, batch.count());
  REQUIRE(entries);
  std::vector<Unpacked> result;
  for (const Entry& entry : *entries) {
    Unpacked one{entry.kind, {}};
    CHECK(one.record.ParseFromArray(entry.record.data(), static_cast<int>(entry.record.size())));
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

TEST_CASE("relay stamp: who sent it is said by its certificate") {
  v1::Record forged = direct_bypass();
  v1::PageEvent& event = *forged.mutable_page_event();
  event.set_tenant("other");
  event.set_user("boss");
  event.set_device_id("laptop-2");
  event.set_observed_by("pop-1");
  event.set_hostname("boss-laptop");
  event.set_egress_ip("1.2.3.4");
  event.add_user_groups("admins");
  event.set_organization_unit("board");
  event.set_correlation_id("laptop-2/0000000000000001");
  event.set_access_method(v1::ACCESS_METHOD_EXPLICIT_PROXY);
  auto batch = batch_of({forged});
  const Stamped stamped = stamp_batch(ann(), batch);
  CHECK(stamped.passed == 1);
  CHECK(stamped.refused == 0);
  CHECK(batch.first_seq() == 41);
  const auto records = records_of(batch);
  REQUIRE(records.size() == 1);
  const v1::PageEvent& out = records[0].record.page_event();
  CHECK(out.tenant() == "acme");
  CHECK(out.user() == "ann");
  CHECK(out.device_id() == "laptop-1");
  CHECK(out.observed_by() == "laptop-1");
  CHECK(out.hostname() == "ann-laptop");
  CHECK(out.device_classification() == "managed");
  CHECK(out.egress_ip() == "198.51.100.7");
  CHECK(out.access_method() == v1::ACCESS_METHOD_CLIENT);
  CHECK(out.user_groups_size() == 0);
  CHECK(out.organization_unit().empty());
  CHECK(out.correlation_id().empty());  // another device's flow
  CHECK(out.host() == "client.dropbox.com");
}

TEST_CASE("relay stamp: a flow that the PoP records too is the client's view only") {
  v1::Record direct = direct_bypass();
  v1::Record tunnelled = direct_bypass();
  tunnelled.mutable_page_event()->set_bypass_mode(v1::BYPASS_MODE_TUNNEL);
  v1::Record dropped = direct_bypass();
  dropped.mutable_page_event()->set_action(v1::VERDICT_DROP);
  dropped.mutable_page_event()->set_primary(false);
  auto batch = batch_of({direct, tunnelled, dropped});
  CHECK(stamp_batch(ann(), batch).passed == 3);
  const auto records = records_of(batch);
  CHECK(records[0].record.page_event().primary());
  CHECK_FALSE(records[1].record.page_event().primary());
  CHECK(records[2].record.page_event().primary());
  CHECK(records[1].record.page_event().correlation_id() == "laptop-1/0000000000000001");
}

TEST_CASE("relay stamp: what a device may not say travels as an empty record") {
  v1::Record as_pop = direct_bypass();
  as_pop.mutable_page_event()->set_origin(v1::ORIGIN_POP);
  v1::Record allowed = direct_bypass();
  allowed.mutable_page_event()->set_action(v1::VERDICT_ALLOW);
  v1::Record audit;
  audit.mutable_audit();
  v1::Record gap;
  gap.mutable_gap()->set_observed_by("pop-1");
  v1::Record newer;  // of a kind that nobody here knows
  newer.GetReflection()->MutableUnknownFields(&newer)->AddVarint(1'000, 1);
  auto batch = batch_of({as_pop, allowed, audit, gap, newer});
  const Stamped stamped = stamp_batch(ann(), batch);
  CHECK(stamped.passed == 1);
  CHECK(stamped.refused == 4);
  CHECK(stamped.why == "a device may only report as a client");
  const auto records = records_of(batch);
  REQUIRE(records.size() == 5);  // every sequence has its record
  for (const size_t i : {0, 1, 2, 4}) CHECK(records[i].kind == EntryKind::kEmpty);
  CHECK(records[3].record.gap().observed_by() == "laptop-1");
}

TEST_CASE("relay stamp: a batch that cannot be read is one that every store refuses") {
  const auto spoilt = [](v1::PublishRequest::Batch batch) {
    const Stamped stamped = stamp_batch(ann(), batch);
    CHECK(stamped.passed + stamped.refused == 0);
    CHECK(batch.payload().empty());
    CHECK(batch.crc32c() != base::crc32c({}));
  };
  auto wrong_sum = batch_of({direct_bypass()});
  wrong_sum.set_crc32c(wrong_sum.crc32c() + 1);
  spoilt(wrong_sum);
  auto wrong_count = batch_of({direct_bypass()});
  wrong_count.set_count(2);
  spoilt(wrong_count);
  auto no_codec = batch_of({direct_bypass()});
  no_codec.set_codec(77);
  spoilt(no_codec);
  auto bomb = batch_of({direct_bypass()});
  bomb.set_codec(static_cast<uint32_t>(report::Codec::kZstd));
  spoilt(bomb);
}

TEST_CASE("relay stamp: a large batch is packed again") {
  const std::vector<v1::Record> many(200, direct_bypass());
  auto batch = batch_of(many);
  const size_t plain = batch.payload().size();
  CHECK(stamp_batch(ann(), batch).passed == many.size());
  CHECK(batch.codec() == static_cast<uint32_t>(report::Codec::kZstd));
  CHECK(batch.payload().size() < plain / 4);
  CHECK(records_of(batch).size() == many.size());
}

}  // namespace sluice::pop
