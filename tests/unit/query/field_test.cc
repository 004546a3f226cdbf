#include "events/store/field.h"

#include <catch2/catch.hpp>
#include <set>

#include "sluice/events/v1/page_event.pb.h"

using sluice::events::v1::Record;
using sluice::store::field;
using sluice::store::FieldType;
using sluice::store::find_field;

namespace v1 = sluice::events::v1;

TEST_CASE("every field of every record is in the catalogue once, with a type") {
  std::set<std::string> names;
  for (const auto& f : sluice::store::fields()) CHECK(names.insert(f.name()).second);
  const auto* descriptor = v1::PageEvent::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) CHECK(names.contains(descriptor->field(i)->name()));
  for (const char* name : {"record_type", "first_seq", "reason", "actor", "audit_action", "severity", "kind", "text"}) {
    CHECK(names.contains(name));
  }
  for (const auto& f : sluice::store::fields()) CHECK((f.type() == FieldType::kEnum) == !f.words().empty());
}

TEST_CASE("the fields that are times and addresses") {
  std::set<std::string> times;
  std::set<std::string> addresses;
  for (const auto& f : sluice::store::fields()) {
    if (f.type() == FieldType::kTime) times.insert(f.name());
    if (f.type() == FieldType::kAddress) addresses.insert(f.name());
  }
  CHECK(times == std::set<std::string>{"timestamp", "end_time", "emitted_time", "ingested_time", "cert_not_after"});
  CHECK(addresses == std::set<std::string>{"srcip", "dstip", "userip", "egress_ip"});
}

TEST_CASE("names: case, aliases, nearest") {
  CHECK(find_field("Bypass_Traffic") == &field("bypass_traffic"));
  CHECK(find_field("_id") == &field("event_id"));
  CHECK(find_field("dsthost") == &field("host"));
  CHECK(find_field("nothing") == nullptr);
  CHECK(sluice::store::nearest_fields("bypass_trafic").at(0) == "bypass_traffic");
  CHECK(sluice::store::nearest_fields("Byte") == std::vector<std::string>{"client_bytes", "server_bytes", "numbytes"});
}

TEST_CASE("enumerations speak in lower-case words without prefix") {
  Record record;
  auto& event = *record.mutable_page_event();
  event.set_action(v1::VERDICT_BYPASS);
  event.set_bypass_reason_code(v1::BYPASS_REASON_CODE_CERTIFICATE_PINNED_APP);
  event.set_host_source(v1::HOST_SOURCE_HTTP_HOST);
  event.set_policy_layer(static_cast<v1::Layer>(99));
  CHECK(field("action").text(record) == "bypass");
  CHECK(field("bypass_reason_code").text(record) == "certificate_pinned_app");
  CHECK(field("host_source").text(record) == "http_host");
  CHECK(field("policy_layer").text(record).empty());
  CHECK(field("record_type").text(record) == "page_event");
  Record gap;
  gap.mutable_gap()->set_reason(v1::Gap::REASON_SPOOL_FULL);
  CHECK(field("record_type").text(gap) == "gap");
  CHECK(field("reason").text(gap) == "spool_full");
}

TEST_CASE("a field that a record does not carry is empty") {
  Record audit;
  audit.mutable_audit()->set_action("policy apply");
  audit.mutable_audit()->set_timestamp(5);
  CHECK(field("audit_action").text(audit) == "policy apply");
  CHECK(field("timestamp").number(audit) == 5);
  CHECK(field("action").empty(audit));
  CHECK(field("client_bytes").number(audit) == 0);
  for (const auto& f : sluice::store::fields()) {
    if (&f != &field("record_type")) CHECK(f.empty(Record()));
  }
}

TEST_CASE("columns: addresses as 16 bytes, no NUL in text, clamped numbers") {
  Record record;
  auto& event = *record.mutable_page_event();
  event.set_srcip("10.0.0.1");
  event.set_dstip("not one");
  event.set_user(std::string("a\0b", 3));
  event.set_client_bytes(UINT64_MAX);
  event.add_user_groups("x");
  event.add_user_groups("y");
  using sluice::store::Blob;
  using sluice::store::ColumnValue;
  CHECK(field("srcip").column(record) ==
        ColumnValue(Blob{std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16)}));
  CHECK(field("dstip").column(record) == ColumnValue(Blob{}));
  CHECK(field("user").column(record) == ColumnValue(std::string("a b")));
  CHECK(field("client_bytes").column(record) == ColumnValue(INT64_MAX));
  CHECK(field("user_groups").text(record) == "x,y");
}
