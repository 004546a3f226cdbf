// What policy makes of a flow that is not decrypted: bypassed, silent, blocked before the dial, after it, or while
// open.
#include "proxy/flow/block_page.h"
#include "proxy/tls/digest.h"
#include "tests/scenario/flow_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

constexpr const char* exceptions_and_blocks = R"(
tenant: acme
steering_configurations:
- name: default
  exceptions:
  - {name: Bank, domains: [bank.example]}
  - {name: Quiet, domains: [quiet.example], log: false}
url_lists:
- {name: bad, type: exact, urls: [example.com]}
custom_categories:
- {name: Bad sites, include_url_lists: [bad]}
realtime_policies:
- {name: Block bad, match: {categories: [Bad sites]}, action: block, notification: default}
notifications: {default: {title: No, body: "Because <policy>.", support: it@acme.example}}
)";

Settings with_policy(const char* yaml) {
  Settings settings = open_settings();
  settings.policy = support::policy_of(yaml);
  return settings;
}

std::string connect_to(const std::string& host) {
  return "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n";
}

DialDone connected_to(const char* address) {
  return {.failure = CloseReason::kUnspecified, .address = *base::Endpoint::parse(address), .detail = {}};
}

}  // namespace

TEST_CASE("an exception passes untouched, with its rule in the record") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, with_policy(exceptions_and_blocks));
  play.received(Side::kClient, connect_to("www.bank.example")).expect({"dial www.bank.example:443"});
  play.in(connected_to("198.51.100.1:443")).expect({"record open", "send client " + established, "release client"});
  const std::string hello = hello_for("www.bank.example");
  play.received(Side::kClient, hello).expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
  const FlowRecord& record = play.record();
  CHECK(record.action == Verdict::kBypass);
  CHECK(record.policy == "Bank");
  CHECK(record.policy_kind == PolicyKind::kSteeringException);
  CHECK(record.bypass_reason_code == BypassReasonCode::kDomain);
  CHECK(record.bypass_reason == "Steering Exception - default");
  CHECK(record.policy_version.starts_with("1-"));
}

TEST_CASE("an exception that is not to be recorded leaves no record, but a block inside it does") {
  Playbook play(Mode::kWhole, with_policy(exceptions_and_blocks));
  play.received(Side::kClient, connect_to("quiet.example")).expect({"dial quiet.example:443"});
  play.in(connected_to("198.51.100.1:443")).expect({"send client " + established, "release client"});
  const std::string hello = hello_for("quiet.example");
  play.received(Side::kClient, hello).expect({"splice up=" + std::to_string(hello.size()) + " down=0"});
  play.in(SpliceEnded{{.client = 1, .server = 2}, CloseReason::kClientClosed}).expect({"close 1"});

  Playbook fronted(Mode::kWhole, with_policy(exceptions_and_blocks));
  fronted.received(Side::kClient, connect_to("quiet.example")).forget();
  fronted.in(connected_to("198.51.100.1:443")).forget();
  fronted.received(Side::kClient, hello_for("other.example"));
  fronted.expect({"record closed", std::string("send client \x15\x03\x03\x00\x02\x02\x31", 19), "end_write client"});
}

TEST_CASE("a blocked name is never dialled: TLS hears an alert") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, with_policy(exceptions_and_blocks));
  play.received(Side::kClient, connect_to("www.example.com"));
  play.expect({"record open", "send client " + established, "release client"});
  play.received(Side::kClient, hello_for("www.example.com"));
  play.expect({"record closed", std::string("send client \x15\x03\x03\x00\x02\x02\x31", 19), "end_write client"});
  const FlowRecord& record = play.record();
  CHECK(record.action == Verdict::kBlock);
  CHECK(record.policy == "Block bad");
  CHECK(record.policy_kind == PolicyKind::kRealtime);
  CHECK(record.category == "Bad sites");
  CHECK(record.sni == "www.example.com");
  CHECK(record.close_reason == CloseReason::kPolicyBlock);
  play.in(ReadEnded{Side::kClient}).expect({"close 80"});
}

TEST_CASE("while an exception waits for the address, a block waits too: after the dial, before any byte") {
  constexpr const char* address_first = R"(
tenant: acme
steering_configurations:
- {name: default, exceptions: [{name: Lab, destinations: {cidrs: [203.0.113.0/24]}}]}
realtime_policies:
- {name: Block bad, match: {domains: [example.com]}, action: block}
)";
  Playbook play(Mode::kWhole, with_policy(address_first));
  play.received(Side::kClient, connect_to("example.com")).expect({"dial example.com:443"});
  play.in(connected_to("198.51.100.1:443")).expect({"record open", "send client " + established, "release client"});
  play.received(Side::kClient, hello_for("example.com")).forget();
  CHECK(play.record().close_reason == CloseReason::kPolicyBlock);
  CHECK(play.to_origin().empty());
}

TEST_CASE("a blocked name in plain HTTP gets a page in the form the client reads") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  for (const bool json : {false, true}) {
    Playbook play(mode, with_policy(exceptions_and_blocks));
    play.received(Side::kClient, "CONNECT example.com:80 HTTP/1.1\r\n\r\n");
    play.expect({"record open", "send client " + established, "release client"});
    play.received(Side::kClient, std::string("GET / HTTP/1.1\r\nHost: example.com\r\nAccept: ") +
                                     (json ? "application/json" : "text/html") + "\r\n\r\n");
    REQUIRE(play.pending().size() == 3);
    const std::string page = play.pending()[1];
    CHECK(page.find(json ? "\"message\":\"Because <policy>.\"" : "<p>Because &lt;policy&gt;.</p>") !=
          std::string::npos);
    CHECK(page.find("it@acme.example") != std::string::npos);
    play.expect({"record closed", "send client HTTP/1.1 403 Forbidden...", "end_write client"});
  }
}

TEST_CASE("a blocked client that says nothing, leaves, or talks nonsense is closed and recorded") {
  const auto blocked = [] {
    auto play = std::make_unique<Playbook>(Mode::kWhole, with_policy(exceptions_and_blocks));
    play->received(Side::kClient, connect_to("example.com")).forget();
    return play;
  };
  blocked()->tick().expect({"record closed", "close 80"});
  blocked()->in(ReadEnded{Side::kClient}).expect({"record closed", "close 80"});
  blocked()->in(Reset{Side::kClient}).expect({"record closed", "close 80"});
  blocked()->received(Side::kClient, "\x01\x02\x03\r\n").expect({"record closed", "close 80"});
}

TEST_CASE("an authority that is an address is judged by what is dialled and spoken") {
  constexpr const char* lab_network = R"(
tenant: acme
steering_configurations:
- name: default
  exceptions:
  - {name: Lab, destinations: {cidrs: [203.0.113.0/24]}}
)";
  Playbook lab(Mode::kWhole, with_policy(lab_network));
  lab.received(Side::kClient, connect_to("203.0.113.9")).expect({"dial 203.0.113.9:443"});
  lab.in(connected_to("203.0.113.9:443")).forget();
  lab.received(Side::kClient, hello_for("lab.example")).expect({"dial lab.example:443"});
  lab.in(connected_to("203.0.113.10:443")).forget();
  CHECK(lab.record().policy == "Lab");

  // The exception is for where we go, not for where the client pretends to go.
  Playbook pretended(Mode::kWhole, with_policy(lab_network));
  pretended.received(Side::kClient, connect_to("203.0.113.9")).forget();
  pretended.in(connected_to("203.0.113.9:443")).forget();
  pretended.received(Side::kClient, hello_for("other.example")).expect({"dial other.example:443"});
  pretended.in(connected_to("198.51.100.7:443")).forget();
  CHECK(pretended.record().policy != "Lab");

  Playbook bad(Mode::kWhole, with_policy(exceptions_and_blocks));
  bad.received(Side::kClient, connect_to("198.51.100.9")).expect({"dial 198.51.100.9:443"});
  bad.in(connected_to("198.51.100.9:443")).forget();
  bad.received(Side::kClient, hello_for("example.com"));
  bad.expect({"record closed", std::string("send client \x15\x03\x03\x00\x02\x02\x31", 19), "end_write client"});
  CHECK(bad.record().action == Verdict::kBlock);
  CHECK(bad.record().host == "example.com");
  CHECK(bad.to_origin().empty());
}

TEST_CASE("a flow that is open when its name is blocked is closed, another goes on") {
  for (const bool blocked : {true, false}) {
    const std::string host = blocked ? "example.com" : "other.example";
    Playbook play(Mode::kWhole, with_policy("tenant: acme"));
    play.received(Side::kClient, connect_to(host)).forget();
    play.in(connected_to("198.51.100.1:443")).forget();
    play.received(Side::kClient, hello_for(host)).forget();
    CHECK(play.record().action == Verdict::kBypass);
    const auto changed = std::make_shared<const Settings>(with_policy(exceptions_and_blocks));
    play.in(PolicyChanged{changed, {.client = 10, .server = 20}});
    if (!blocked) {
      play.expect({});
      continue;
    }
    play.expect({"abort client", "abort origin", "record closed", "close 81"});
    CHECK(play.record().action == Verdict::kBlock);
    CHECK(play.record().policy == "Block bad");
    CHECK(play.record().client_bytes == 10);
  }
}

TEST_CASE("the page's style is the one its security policy names") {
  FlowRecord record;
  record.host = "<script>alert(1)</script>";
  const std::string page = write_http1(block_page(record, nullptr, "pop", "text/html"), false);
  CHECK(page.find("<script>") == std::string::npos);
  const size_t begin = page.find("<style>") + 7;
  const std::string style = page.substr(begin, page.find("</style>") - begin);
  const tls::Sha256 digest = tls::sha256(base::as_bytes(style));
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string base64;
  for (size_t i = 0; i < digest.size(); i += 3) {
    const uint32_t bits = static_cast<uint32_t>(digest[i] << 16) |
                          static_cast<uint32_t>((i + 1 < digest.size() ? digest[i + 1] : 0) << 8) |
                          static_cast<uint32_t>(i + 2 < digest.size() ? digest[i + 2] : 0);
    for (int shift = 18; shift >= 0; shift -= 6) base64 += alphabet[(bits >> shift) & 63];
  }
  base64.back() = '=';
  CHECK(page.find("style-src 'sha256-" + base64 + "'") != std::string::npos);
}

}  // namespace sluice::flow::test
