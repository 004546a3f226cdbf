#include "proxy/report/event_builder.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "google/protobuf/descriptor.h"
#include "proxy/report/limits.h"
#include "proxy/tls/digest.h"
#include "tests/support/paths.h"

namespace sluice::report {

namespace {

using Numbers = std::map<std::string, int>;

// "ClientHelloTooLarge" -> "CLIENT_HELLO_TOO_LARGE"
std::string screaming(const std::string& pascal) {
  std::string out;
  for (const char c : pascal) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out += '_';
    out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

// The enums of flow/record.h that number their constants, as written there: name -> (constant -> number).
std::map<std::string, Numbers> enums_of_the_core() {
  std::ifstream in(test::source_dir() + "/proxy/flow/record.h");
  const std::string source{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const std::string declaration = "enum class ";
  std::map<std::string, Numbers> enums;
  for (size_t at = source.find(declaration); at != std::string::npos; at = source.find(declaration, at + 1)) {
    const size_t name_at = at + declaration.size();
    const std::string name = source.substr(name_at, source.find(' ', name_at) - name_at);
    const size_t open = source.find('{', at);
    std::istringstream words(source.substr(open + 1, source.find('}', at) - open - 1));
    for (std::string constant, equals, number; words >> constant >> equals >> number && equals == "=";) {
      enums[name][constant.substr(1)] = std::stoi(number);
    }
  }
  return enums;
}

flow::FlowRecord sample() {
  flow::FlowRecord record;
  record.event_counter = 7;
  record.revision = 2;
  record.start = base::WallTime(base::Duration(1'700'000'000'000));
  record.started = base::Time(base::Duration(5'000));
  record.user = "maria";
  record.source = *base::Endpoint::parse("[::ffff:192.0.2.9]:51000");
  record.access_method = flow::AccessMethod::kExplicitProxy;
  record.host = "www.example.co.uk";
  record.host_source = flow::HostSource::kConnect;
  record.destination = *base::Endpoint::parse("[2001:db8::1]:443");
  record.dialled = true;
  record.client_bytes = 1000;
  record.server_bytes = 234;
  record.action = flow::Verdict::kBypass;
  record.policy = "interception off";
  record.policy_kind = flow::PolicyKind::kSslDecryption;
  record.bypass_mode = flow::BypassMode::kDoNotDecrypt;
  record.bypass_reason_code = flow::BypassReasonCode::kInterceptionOff;
  record.bypass_reason = "interception is not configured";
  record.close_reason = flow::CloseReason::kOriginClosed;
  record.sni = "www.example.co.uk";
  record.alpn = "h2,http/1.1";
  record.ech = flow::Ech::kNone;
  record.tls_version = 0x0304;
  record.ja4_raw = "t13d0203h2_1301,1302_000a,000b,000d_0403,0804";
  return record;
}

struct Built {
  EventBuilder builder{{"default", "pop-1", 0xc0ffee01}};
  events::v1::PageEvent event;
  void build(const flow::FlowRecord& record, events::v1::State state = events::v1::STATE_CLOSED,
             int64_t at_ms = 6'500) {
    builder.build(record, state, base::Time(base::Duration(at_ms)), base::WallTime(base::Duration(1'800'000'000'000)),
                  event);
  }
};

}  // namespace

TEST_CASE("every enum of the core has the numbers of the product's record") {
  const auto enums = enums_of_the_core();
  // What a flow cannot be yet, although the record has a word for it.
  const std::map<std::string, std::set<std::string>> not_in_core = {
      {"CloseReason", {"TLS_CLIENT", "TLS_ORIGIN", "CERTIFICATE_ERROR", "MESSAGE_REJECTED"}}};
  for (const char* name : {"Verdict", "PolicyKind", "BypassMode", "BypassReasonCode", "CloseReason", "Stage",
                           "HostSource", "AccessMethod", "Ech", "Origin", "Layer", "ProcessIdentity"}) {
    CHECK(enums.contains(name));
  }
  const auto* file = events::v1::PageEvent::descriptor()->file();
  for (const auto& [name, constants] : enums) {
    INFO("enum " << name);
    const auto* proto = file->FindEnumTypeByName(name);
    REQUIRE(proto != nullptr);
    const std::string prefix = screaming(name) + "_";
    Numbers expected;
    for (int i = 0; i < proto->value_count(); ++i) {
      REQUIRE(proto->value(i)->name().starts_with(prefix));
      expected[proto->value(i)->name().substr(prefix.size())] = proto->value(i)->number();
    }
    Numbers actual;
    for (const auto& [constant, number] : constants) actual[screaming(constant)] = number;
    if (const auto absent = not_in_core.find(name); absent != not_in_core.end()) {
      for (const std::string& constant : absent->second) {
        if (!actual.contains(constant)) expected.erase(constant);
      }
    }
    CHECK(actual == expected);
  }
}

TEST_CASE("a flow's record becomes a connection event") {
  Built built;
  built.build(sample());
  const auto& event = built.event;
  CHECK(event.event_id() == "00000000c0ffee01-7");
  CHECK(event_id(0xc0ffee01, 7) == event.event_id());
  CHECK(event.revision() == 2);
  CHECK(event.state() == events::v1::STATE_CLOSED);
  CHECK(event.schema_version() == 1);
  CHECK(event.type() == events::v1::TYPE_CONNECTION);
  CHECK(event.origin() == events::v1::ORIGIN_POP);
  CHECK(event.primary());
  CHECK(event.tenant() == "default");
  CHECK(event.observed_by() == "pop-1");
  CHECK(event.timestamp() == 1'700'000'000'000);
  CHECK(event.duration_ms() == 1'500);
  CHECK(event.end_time() == 1'700'000'001'500);
  CHECK(event.emitted_time() == 1'800'000'000'000);
  CHECK(event.user() == "maria");
  CHECK(event.srcip() == "192.0.2.9");
  CHECK(event.srcport() == 51000);
  CHECK(event.access_method() == events::v1::ACCESS_METHOD_EXPLICIT_PROXY);
  CHECK(event.host() == "www.example.co.uk");
  CHECK(event.host_source() == events::v1::HOST_SOURCE_CONNECT);
  CHECK(event.domain() == "example.co.uk");
  CHECK(event.site() == "example.co.uk");
  CHECK(event.dstip() == "2001:db8::1");
  CHECK(event.dstport() == 443);
  CHECK(event.traffic_type() == events::v1::TRAFFIC_TYPE_WEB);
  CHECK(event.client_bytes() == 1000);
  CHECK(event.server_bytes() == 234);
  CHECK(event.numbytes() == 1234);
  CHECK(event.action() == events::v1::VERDICT_BYPASS);
  CHECK(event.policy() == "interception off");
  CHECK(event.policy_kind() == events::v1::POLICY_KIND_SSL_DECRYPTION);
  CHECK(event.policy_layer() == events::v1::LAYER_POP);
  CHECK(event.bypass_traffic());
  CHECK(event.bypass_layer() == events::v1::LAYER_POP);
  CHECK(event.bypass_mode() == events::v1::BYPASS_MODE_DO_NOT_DECRYPT);
  CHECK(event.bypass_reason_code() == events::v1::BYPASS_REASON_CODE_INTERCEPTION_OFF);
  CHECK(event.bypass_reason() == "interception is not configured");
  CHECK(event.close_reason() == events::v1::CLOSE_REASON_ORIGIN_CLOSED);
  CHECK(event.error_stage() == events::v1::STAGE_UNSPECIFIED);
  CHECK(event.sni() == "www.example.co.uk");
  CHECK(event.alpn() == "h2,http/1.1");
  CHECK(event.ech() == events::v1::ECH_NONE);
  CHECK(event.tls_version() == "TLSv1.3");
  CHECK(event.ja4() == tls::ja4(sample().ja4_raw));
  CHECK(event.ja4().starts_with("t13d0203h2_"));
  CHECK(event.count() == 1);
  CHECK(event.dropped_before() == 0);
}

TEST_CASE("what is not known stays unspecified, also in a reused message") {
  Built built;
  built.build(sample());
  flow::FlowRecord record;
  record.event_counter = 8;
  record.revision = 1;
  built.build(record, events::v1::STATE_OPEN, 0);
  const auto& event = built.event;
  CHECK(event.event_id() == "00000000c0ffee01-8");
  CHECK(event.state() == events::v1::STATE_OPEN);
  for (const std::string* text : {&event.user(), &event.host(), &event.domain(), &event.site(), &event.dstip(),
                                  &event.policy(), &event.sni(), &event.ja4(), &event.tls_version()}) {
    CHECK(text->empty());
  }
  CHECK(event.dstport() == 0);
  CHECK(event.action() == events::v1::VERDICT_UNSPECIFIED);
  CHECK(event.policy_layer() == events::v1::LAYER_UNSPECIFIED);
  CHECK(event.bypass_layer() == events::v1::LAYER_UNSPECIFIED);
  CHECK(event.bypass_mode() == events::v1::BYPASS_MODE_UNSPECIFIED);
  CHECK(event.close_reason() == events::v1::CLOSE_REASON_UNSPECIFIED);
  // Blocked: decided, and no bypass.
  record.action = flow::Verdict::kBlock;
  built.build(record);
  CHECK(event.policy_layer() == events::v1::LAYER_POP);
  CHECK(event.bypass_layer() == events::v1::LAYER_NONE);
  CHECK_FALSE(event.bypass_traffic());
}

TEST_CASE("a client's view names its device, its process and the layer that decided") {
  Built built;
  flow::FlowRecord record = sample();
  record.origin = flow::Origin::kClient;
  record.primary = false;
  record.correlation_id = "laptop-7/00000000c0ffee01-7";
  record.device = std::make_shared<flow::Device>(flow::Device{"laptop-7", "laptop", "Debian 12", "managed", "1.0"});
  record.tunnel_id = "tunnel-1";
  record.process_name = "dropbox";
  record.process_path = "/opt/dropbox/dropbox";
  record.process_pid = 4711;
  record.process_identity = flow::ProcessIdentity::kPath;
  record.policy_layer = flow::Layer::kClient;
  record.app_source = *base::Endpoint::parse("10.0.0.7:51234");
  record.client_verdict = flow::SteeringVerdict::kBypass;
  record.client_policy = "Dropbox";
  record.client_policy_version = "3-0a1b2c3d4e5f";
  record.policy_disagreement = true;
  built.build(record);
  const auto& event = built.event;
  CHECK(event.origin() == events::v1::ORIGIN_CLIENT);
  CHECK_FALSE(event.primary());
  CHECK(event.correlation_id() == "laptop-7/00000000c0ffee01-7");
  CHECK(event.device_id() == "laptop-7");
  CHECK(event.hostname() == "laptop");
  CHECK(event.device_os() == "Debian 12");
  CHECK(event.device_classification() == "managed");
  CHECK(event.client_version() == "1.0");
  CHECK(event.tunnel_id() == "tunnel-1");
  CHECK(event.process_name() == "dropbox");
  CHECK(event.process_path() == "/opt/dropbox/dropbox");
  CHECK(event.process_pid() == 4711);
  CHECK(event.process_identity() == events::v1::PROCESS_IDENTITY_PATH);
  CHECK(event.policy_layer() == events::v1::LAYER_CLIENT);
  CHECK(event.bypass_layer() == events::v1::LAYER_CLIENT);
  CHECK(event.userip() == "10.0.0.7");
  CHECK(event.client_verdict() == "bypass");
  CHECK(event.client_policy() == "Dropbox");
  CHECK(event.client_policy_version() == "3-0a1b2c3d4e5f");
  CHECK(event.policy_disagreement());
}

TEST_CASE("an exchange is a page of its own") {
  Built built;
  flow::FlowRecord record = sample();
  record.close_reason = flow::CloseReason::kCompleted;
  record.exchange = std::make_shared<flow::Exchange>();
  record.exchange->method = "GET";
  record.exchange->url = "http://www.example.co.uk/a";
  record.exchange->referer = "http://www.example.co.uk/";
  record.exchange->user_agent = "probe/1";
  record.exchange->content_type = "text/html";
  record.exchange->status = 200;
  record.exchange->responses = 1;
  built.build(record);
  const auto& event = built.event;
  CHECK(event.type() == events::v1::TYPE_PAGE);
  CHECK(event.page_build() == events::v1::PAGE_BUILD_SINGLE);
  CHECK(event.page_id() == event.event_id());
  CHECK(event.url() == "http://www.example.co.uk/a");
  CHECK(event.referer() == "http://www.example.co.uk/");
  CHECK(event.method() == "GET");
  CHECK(event.status() == 200);
  CHECK(event.http_version() == "HTTP/1.1");
  CHECK(event.content_type() == "text/html");
  CHECK(event.useragent() == "probe/1");
  CHECK(event.req_cnt() == 1);
  CHECK(event.resp_cnt() == 1);
  CHECK(event.close_reason() == events::v1::CLOSE_REASON_COMPLETED);
  record.exchange->status = 0;
  record.exchange->responses = 0;
  built.build(record);
  CHECK(event.resp_cnt() == 0);
}

TEST_CASE("registrable domains follow the public suffix list") {
  Built built;
  flow::FlowRecord record = sample();
  for (const auto& [host, domain] :
       std::vector<std::pair<std::string, std::string>>{{"a.b.example.com", "example.com"},
                                                        {"example.com", "example.com"},
                                                        {"co.uk", ""},
                                                        {"localhost", ""},
                                                        {"192.0.2.1", ""},
                                                        {"2001:db8::1", ""},
                                                        {"foo.github.io", "foo.github.io"},
                                                        {"xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"}}) {
    INFO(host);
    for (int again = 0; again < 2; ++again) {
      record.host = host;
      built.build(record);
      CHECK(built.event.domain() == domain);
    }
  }
}

TEST_CASE("time never runs backwards in an event") {
  Built built;
  built.build(sample(), events::v1::STATE_CLOSED, 100);  // before the flow began
  CHECK(built.event.duration_ms() == 0);
  CHECK(built.event.end_time() == built.event.timestamp());
}

TEST_CASE("hostile texts never make a record unreadable or too large") {
  Built built;
  flow::FlowRecord record = sample();
  const std::string monster(1'000'000, '\xff');
  record.user = record.host = record.sni = record.alpn = monster;
  record.policy = record.bypass_reason = monster.c_str();
  record.correlation_id = record.tunnel_id = record.process_name = record.process_path = monster;
  record.device = std::make_shared<flow::Device>(flow::Device{monster, monster, monster, monster, monster});
  record.ja4_raw = "t13d0203h2" + monster + "_1301_0005";
  built.build(record);
  const std::string bytes = built.event.SerializeAsString();
  CHECK(bytes.size() + 8 < record_bytes_max);
  events::v1::PageEvent back;
  REQUIRE(back.ParseFromString(bytes));
  CHECK(back.user().size() <= text_bytes_max);
  // What is valid stays as it is, what is not becomes U+FFFD, and a cut never splits a character.
  for (const auto& [in, out] : std::vector<std::pair<std::string, std::string>>{
           {"m\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80", "m\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80"},
           {"a\xffz", "a\xef\xbf\xbdz"},
           {"\xc3", "\xef\xbf\xbd"},
           {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
           {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
           {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
           {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}}) {
    record.user = in;
    built.build(record);
    CHECK(built.event.user() == out);
  }
  std::string euros;
  for (size_t i = 0; i < text_bytes_max; ++i) euros += "\xe2\x82\xac";
  record.user = euros;
  built.build(record);
  CHECK(built.event.user().size() == text_bytes_max / 3 * 3);
}

}  // namespace sluice::report
