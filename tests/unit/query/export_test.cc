#include "events/query/export.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "events/query/json_writer.h"
#include "sluice/events/v1/page_event.pb.h"
#include "tests/unit/query/random_query.h"

using namespace sluice;
using events::v1::Record;
using google::protobuf::Struct;

namespace v1 = events::v1;

namespace {
const std::string hostile = "=cmd|' /C calc'!A0\",\\x\n<b>\x1b[31m\x01 \xff\xc3(|end\\";

Record bypassed() {
  Record record;
  auto& event = *record.mutable_page_event();
  event.set_event_id("00000000000000ff-1");
  event.set_state(v1::STATE_CLOSED);
  event.set_type(v1::TYPE_CONNECTION);
  event.set_primary(true);
  event.set_timestamp(1'700'000'000'123);
  event.set_duration_ms(41);
  event.set_user("alice@example.com");
  event.set_host("www.dropbox.com");
  event.set_srcip("10.0.0.1");
  event.set_client_bytes(517);
  event.set_server_bytes(4096);
  event.set_numbytes(4613);
  event.set_action(v1::VERDICT_BYPASS);
  event.set_bypass_traffic(true);
  event.set_bypass_reason_code(v1::BYPASS_REASON_CODE_CERTIFICATE_PINNED_APP);
  event.set_close_reason(v1::CLOSE_REASON_CLIENT_CLOSED);
  event.add_user_groups("sales");
  event.set_ja4("t13d1516h2_x_y");
  return record;
}

// Through someone else's parser.
Struct json(const std::string& text) {
  Struct parsed;
  INFO(text);
  REQUIRE(google::protobuf::util::JsonStringToMessage(text, &parsed).ok());
  REQUIRE(text.find('\n') == std::string::npos);
  return parsed;
}

std::string at(const Struct& object, const std::string& path) {
  const size_t dot = path.find('.');
  const auto found = object.fields().find(path.substr(0, dot));
  if (found == object.fields().end()) return "(absent)";
  if (dot != std::string::npos) return at(found->second.struct_value(), path.substr(dot + 1));
  if (found->second.has_string_value()) return found->second.string_value();
  if (found->second.has_number_value()) return std::to_string(static_cast<int64_t>(found->second.number_value()));
  return found->second.ShortDebugString();
}
}  // namespace

TEST_CASE("flat JSON has the names and units that collectors know") {
  const Struct event = json(query::to_json(bypassed()));
  const std::pair<const char*, const char*> expected[] = {
      {"_id", "00000000000000ff-1"},
      {"event_id", "00000000000000ff-1"},
      {"timestamp", "1700000000"},
      {"timestamp_ms", "1700000000123"},
      {"bypass_traffic", "yes"},
      {"ssl_decrypt_policy", "no"},
      {"type", "connection"},
      {"record_type", "page_event"},
      {"client_bytes", "517"},
      {"server_bytes", "4096"},
      {"numbytes", "4613"},
      {"action", "bypass"},
      {"dsthost", "www.dropbox.com"},
      {"bypass_reason_code", "certificate_pinned_app"},
      {"duration_ms", "41"},
      {"req_cnt", "0"},
      {"url", "(absent)"},
      {"status", "(absent)"},
      {"severity", "(absent)"},
      {"close_reason", "client_closed"},
  };
  for (const auto& [key, value] : expected) {
    INFO(key);
    CHECK(at(event, key) == value);
  }
}

TEST_CASE("ECS") {
  const Struct event = json(query::to_ecs(bypassed()));
  const std::pair<const char*, const char*> expected[] = {
      {"@timestamp", "2023-11-14T22:13:20.123Z"},
      {"event.id", "00000000000000ff-1"},
      {"event.action", "bypass"},
      {"event.duration", "41000000"},
      {"event.dataset", "sluice.connection"},
      {"event.reason", "client_closed"},
      {"source.ip", "10.0.0.1"},
      {"source.bytes", "517"},
      {"destination.domain", "www.dropbox.com"},
      {"destination.bytes", "4096"},
      {"network.bytes", "4613"},
      {"user.email", "alice@example.com"},
      {"labels.bypass_traffic", "yes"},
      {"labels.bypass_reason_code", "certificate_pinned_app"},
      {"labels.ja4", "t13d1516h2_x_y"},
      {"labels.event_id", "(absent)"},
      {"url", "(absent)"},
      {"process", "(absent)"},
  };
  for (const auto& [key, value] : expected) {
    INFO(key);
    CHECK(at(event, key) == value);
  }
}

TEST_CASE("OCSF") {
  const Struct event = json(query::to_ocsf(bypassed()));
  const std::pair<const char*, const char*> expected[] = {
      {"class_uid", "4001"},
      {"activity_id", "2"},
      {"type_uid", "400102"},
      {"action_id", "1"},
      {"disposition_id", "1"},
      {"time", "1700000000123"},
      {"traffic.bytes_out", "517"},
      {"traffic.bytes_in", "4096"},
      {"metadata.uid", "00000000000000ff-1"},
      {"status_code", "certificate_pinned_app"},
      {"dst_endpoint.hostname", "www.dropbox.com"},
      {"unmapped.bypass_traffic", "yes"},
      {"http_request", "(absent)"},
  };
  for (const auto& [key, value] : expected) {
    INFO(key);
    CHECK(at(event, key) == value);
  }
  Record page = bypassed();
  page.mutable_page_event()->set_method("GET");
  page.mutable_page_event()->set_action(v1::VERDICT_BLOCK);
  const Struct http = json(query::to_ocsf(page));
  CHECK(at(http, "type_uid") == "400203");
  CHECK(at(http, "disposition_id") == "2");
  Record notice;
  notice.mutable_notice()->set_text("hello");
  CHECK(at(json(query::to_ocsf(notice)), "message") == "hello");
}

TEST_CASE("CEF escapes its header and its extension") {
  Record record = bypassed();
  record.mutable_page_event()->set_policy("a=b|c\\d\ne\tf");
  const std::string cef = query::to_cef(record);
  CHECK(
      cef.starts_with("CEF:0|Sluice|Sluice|1|connection|Page event bypass|3|rt=1700000000123 externalId=00000000000000"
                      "ff-1 start=1700000000123 act=bypass suser=alice@example.com src=10.0.0.1 dhost=www.dropbox.com "
                      "in=4096 out=517 "));
  CHECK(cef.find(R"(cs1Label=policy cs1=a\=b|c\\d\ne f cs2Label)") != std::string::npos);
  Record audit;
  audit.mutable_audit()->set_action("read|all\\\n");
  audit.mutable_audit()->set_target("x");
  CHECK(query::to_cef(audit) == R"(CEF:0|Sluice|Sluice|1|audit|Audit read\|all\\ |3|msg=x: )");
  Record gap;
  gap.mutable_gap()->set_first_seq(4);
  gap.mutable_gap()->set_last_seq(9);
  CHECK(query::to_cef(gap).find("|Records lost|7|msg=records 4 to 9 were lost") != std::string::npos);
}

TEST_CASE("CSV quotes and disarms formulas") {
  const auto columns = std::vector<const store::Field*>{&store::field("user"), &store::field("client_bytes"),
                                                        &store::field("user_groups"), &store::field("severity")};
  CHECK(query::csv_header(columns) == "user,client_bytes,user_groups,severity");
  const std::pair<const char*, const char*> table[] = {
      {"plain", "plain"},
      {"a,b", "\"a,b\""},
      {"a\"b", "\"a\"\"b\""},
      {"a\nb", "\"a\nb\""},
      {"=1+1", "'=1+1"},
      {"+1", "'+1"},
      {"-1", "'-1"},
      {"@x", "'@x"},
      {"\tx", "'\tx"},
      {"\r=x", "\"'\r=x\""},
      {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
      {"\xff", "\xef\xbf\xbd"},
  };
  for (const auto& [user, cell] : table) {
    Record record = bypassed();
    record.mutable_page_event()->set_user(user);
    record.mutable_page_event()->add_user_groups("staff");
    CHECK(query::to_csv(record, columns) == std::string(cell) + ",517,\"sales,staff\",");
  }
}

TEST_CASE("hostile text stays inside its value in every format") {
  Record record = bypassed();
  auto& event = *record.mutable_page_event();
  for (auto* text :
       {event.mutable_user(), event.mutable_host(), event.mutable_url(), event.mutable_process_name(),
        event.mutable_policy(), event.mutable_srcip(), event.mutable_event_id(), event.mutable_page_id()}) {
    *text = hostile;
  }
  event.add_matched_rules(hostile);
  const std::string clean = query::valid_utf8(hostile);
  CHECK(at(json(query::to_json(record)), "user") == clean);
  CHECK(at(json(query::to_ecs(record)), "user.name") == clean);
  CHECK(at(json(query::to_ecs(record)), "source.ip") == "(absent)");
  CHECK(at(json(query::to_ecs(record)), "labels.page_id") == clean);
  CHECK(at(json(query::to_ocsf(record)), "actor.user.name") == clean);
  const std::string cef = query::to_cef(record);
  for (const char c : cef) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
  CHECK(cef.find(R"(act=bypass suser=\=cmd|' /C calc'!A0",\\x\n<b> [31m  )") != std::string::npos);
}

TEST_CASE("any record exports to JSON that parses") {
  const uint64_t seed = test::random_seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << '\n';
  test::Random random(seed);
  for (int round = 0; round < 300; ++round) {
    const Record record = test::random_record(random);
    INFO("seed " << seed);
    json(query::to_json(record));
    json(query::to_ecs(record));
    json(query::to_ocsf(record));
    CHECK(query::to_cef(record).find('\n') == std::string::npos);
    CHECK_FALSE(query::to_csv(record, {}).empty());
  }
  for (const Record& empty : {Record()}) json(query::to_json(empty));
}

TEST_CASE("UTF-8: malformed, overlong, surrogates and what is too high become U+FFFD") {
  const std::string bad = "\xef\xbf\xbd";
  CHECK(query::valid_utf8("aü日😀") == "aü日😀");
  CHECK(query::valid_utf8("\xc0\xaf") == bad + bad);
  CHECK(query::valid_utf8("\xed\xa0\x80") == bad + bad + bad);
  CHECK(query::valid_utf8("\xf4\x90\x80\x80") == bad + bad + bad + bad);
  CHECK(query::valid_utf8("\xe6\x97") == bad + bad);
}
