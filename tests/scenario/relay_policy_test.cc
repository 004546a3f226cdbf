// What policy and the message rules make of relayed requests.
#include "proxy/flow/policy_question.h"
#include "tests/scenario/relay_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

constexpr const char* by_request = R"(
tenant: acme
steering_configurations:
- name: default
  exceptions:
  - {name: Bank, domains: [bank.example]}
  - {name: Quiet, domains: [quiet.example], log: false}
url_lists:
- {name: secret, type: exact, urls: [a.example/secret]}
custom_categories:
- {name: Secret pages, include_url_lists: [secret]}
realtime_policies:
- {name: No uploads, match: {domains: [a.example], methods: [POST]}, action: block}
- {name: No JSON, match: {domains: [a.example], content_types: [application/json]}, action: block}
- {name: No secrets, match: {categories: [Secret pages]}, action: block, notification: default}
- {name: Watched, match: {domains: [watched.example]}, action: alert}
notifications: {default: {title: No, body: Because., support: it@acme.example}}
)";

Settings with_policy(const char* yaml) {
  Settings settings = open_settings();
  settings.policy = support::policy_of(yaml);
  return settings;
}

const std::string connect_plain = "CONNECT a.example:80 HTTP/1.1\r\n\r\n";

std::string inside(const std::string& host, const std::string& path = "/") {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

// The status line of what was sent to the client last.
std::string status_of(const Playbook& play) {
  for (auto it = play.pending().rbegin(); it != play.pending().rend(); ++it) {
    if (it->starts_with("send client HTTP/1.1 ")) return it->substr(21, 3);
  }
  return "";
}

}  // namespace

TEST_CASE("relay policy: a path is blocked with a page, and the connection goes on") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, with_policy(by_request));
  play.merge_sends();
  play.received(Side::kClient, get_request("a.example", "", "/x/%2e%2e/secret?q=1"));
  REQUIRE(play.pending().size() == 4);
  const std::string page = play.pending()[2];
  play.expect({"release client", "record closed", "send client HTTP/1.1 403 Forbidden\r\n...", "resume"});
  for (const char* part : {"No secrets", "Secret pages", "http://a.example/x/%2e%2e/secret<", "it@acme.example"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
  CHECK(page.find("q=1") == std::string::npos);
  CHECK(page.find("Connection: close") == std::string::npos);
  CHECK(play.record().action == Verdict::kBlock);
  CHECK(play.record().policy == "No secrets");
  CHECK(play.record().policy_kind == PolicyKind::kRealtime);
  CHECK(play.record().exchange->status == 403);
  CHECK(play.record().server_bytes == page.size() - std::string("send client ").size());
  play.in(Resumed{});
  play.received(Side::kClient, get_request("a.example", "", "/public")).expect({"dial a.example:80"});
}

TEST_CASE("relay policy: method and content type; what has a body ends the connection") {
  Playbook post(Mode::kWhole, with_policy(by_request));
  post.received(Side::kClient, "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n");
  post.expect({"release client", "record closed", "send client HTTP/1.1 403...", "end_write client"});
  CHECK(post.record().policy == "No uploads");

  Playbook json(Mode::kWhole, with_policy(by_request));
  json.received(Side::kClient,
                "PUT http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json; charset=x\r\n"
                "Content-Length: 5\r\n\r\n");
  json.expect({"release client", "record closed", "send client HTTP/1.1 403...", "end_write client"});
  CHECK(json.record().policy == "No JSON");
}

TEST_CASE("relay policy: a HEAD is blocked without a body") {
  Playbook play(Mode::kWhole, with_policy(by_request));
  play.received(Side::kClient, "HEAD http://a.example/secret HTTP/1.1\r\nHost: a.example\r\n\r\n");
  REQUIRE(play.pending().size() == 4);
  CHECK(play.pending()[2].ends_with("\r\n\r\n"));
  CHECK(play.pending()[2].find("Content-Length") != std::string::npos);
  play.forget();
}

TEST_CASE("relay policy: an exception passes, says so, or leaves no record") {
  Playbook bank(Mode::kWhole, with_policy(by_request));
  bank.received(Side::kClient, get_request("bank.example")).forget();
  bank.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("bank.example")});
  CHECK(bank.record().action == Verdict::kBypass);
  CHECK(bank.record().policy == "Bank");
  CHECK(bank.record().bypass_reason_code == BypassReasonCode::kDomain);

  Playbook quiet(Mode::kWhole, with_policy(by_request));
  quiet.received(Side::kClient, get_request("quiet.example")).forget();
  quiet.in(connected_at("203.0.113.7:80")).expect({"send origin " + relayed("quiet.example")});
  quiet.received(Side::kOrigin, ok_response("")).expect({"send client " + ok_response(""), "resume"});
}

TEST_CASE("relay policy: an alert is recorded, and passes") {
  Playbook play(Mode::kWhole, with_policy(by_request));
  to_sent(play, "watched.example");
  CHECK(play.record().action == Verdict::kAlert);
  CHECK(play.record().policy == "Watched");
}

TEST_CASE("relay policy: a request in progress ends when its name is blocked") {
  Playbook play(Mode::kWhole, with_policy("tenant: acme"));
  to_sent(play);
  const auto changed = std::make_shared<const Settings>(
      with_policy("tenant: acme\nrealtime_policies: [{name: Stop, match: {domains: [a.example]}, action: block}]\n"));
  play.in(PolicyChanged{changed, {}}).expect({"abort client", "abort origin", "record closed", "close 81"});
}

TEST_CASE("relay policy: plain HTTP inside CONNECT is inspected, on the connection that is there") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, with_policy(by_request));
  play.merge_sends();
  play.received(Side::kClient, connect_plain).expect({"dial a.example:80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send client " + established, "release client"});
  play.received(Side::kClient, inside("a.example", "/1"));
  play.expect({"release client", "record open", "send origin " + inside("a.example", "/1")});
  CHECK(play.record().exchange->url == "http://a.example/1");
  CHECK(play.record().action == Verdict::kAllow);
  CHECK(play.record().client_bytes == inside("a.example", "/1").size());
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, inside("a.example", "/secret"));
  CHECK(status_of(play) == "403");
  play.forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, inside("b.example"));
  CHECK(status_of(play) == "421");
  CHECK(play.record().policy == "name binding");
  play.forget();
}

TEST_CASE("relay policy: in a tunnel to an address, the name in Host is what is dialled and judged") {
  Playbook play(Mode::kWhole, with_policy(by_request));
  play.received(Side::kClient, "CONNECT 203.0.113.7:80 HTTP/1.1\r\n\r\n").forget();
  play.in(connected_at("203.0.113.7:80")).forget();
  play.received(Side::kClient, inside("a.example", "/1")).expect({"release client", "hang_up", "dial a.example:80"});
  play.in(connected_at("203.0.113.8:80")).forget();
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, inside("a.example", "/secret"));
  CHECK(status_of(play) == "403");
  play.forget();
}

TEST_CASE("relay policy: a rule that waits for the address is asked again when it is known") {
  constexpr const char* exception_first = R"(
tenant: acme
steering_configurations:
- {name: default, exceptions: [{name: Lab, destinations: {cidrs: [203.0.113.0/24]}}]}
realtime_policies:
- {name: Block a, match: {domains: [a.example]}, action: block}
)";
  Playbook lab(Mode::kWhole, with_policy(exception_first));
  lab.received(Side::kClient, get_request("a.example")).expect({"release client", "dial a.example:80"});
  lab.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example")});
  CHECK(lab.record().policy == "Lab");

  Playbook other(Mode::kWhole, with_policy(exception_first));
  other.received(Side::kClient, get_request("a.example")).forget();
  other.in(connected_at("198.51.100.7:80")).expect({"record closed", "send client HTTP/1.1 403...", "resume"});
}

TEST_CASE("relay policy: messages that try to smuggle are refused, never passed on") {
  const std::string post = "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
      {post + "Content-Length: +5\r\n\r\n", "400"},
      {post + "Transfer-Encoding: chunked, identity\r\n\r\n", "400"},
      {post + "Transfer-Encoding : chunked\r\n\r\n", "400"},
      {post + "Transfer-Encoding:\n chunked\r\n\r\n", "400"},
      {post + "X: a\r\n b\r\n\r\n", "400"},
      {post + "Connection: host\r\n\r\n", "400"},
      {post + "Host: a.example\r\n\r\n", "400"},
      {"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "400"},
      {"GET http://a.example/ HTTP/1.1\r\n\r\n", "400"},
      {post + "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", "417"},
      {"GET http://a.example:25/ HTTP/1.1\r\nHost: a.example:25\r\n\r\n", "403"},
      {"GET http://127.1/ HTTP/1.1\r\nHost: 127.1\r\n\r\n", "400"},
  };
  for (const auto& [request, status] : cases) {
    for (const Mode mode : {Mode::kWhole, Mode::kBytewise}) {
      INFO(request);
      Playbook play(mode, open_settings());
      play.received(Side::kClient, request);
      CHECK(status_of(play) == status);
      CHECK(play.record().action == Verdict::kBlock);
      for (const std::string& action : play.pending()) CHECK_FALSE(action.starts_with("send origin"));
      play.forget();
    }
  }
}

TEST_CASE("relay policy: chunks that are none end the exchange on both sides") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient,
                "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  play.in(connected_at("203.0.113.7:80")).forget();
  play.received(Side::kClient, "1\nx");
  play.expect({"abort origin", "record closed", "send client HTTP/1.1 400...", "end_write client"});
  CHECK(play.record().close_reason == CloseReason::kMessageRejected);
}

TEST_CASE("relay policy: responses that could be read in two ways are refused") {
  for (const char* fields :
       {"Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Content-Length: 1, 1\r\n", "X : y\r\n", "X: a\r\n b\r\n"}) {
    INFO(fields);
    Playbook play(Mode::kWhole, open_settings());
    to_sent(play);
    play.received(Side::kOrigin, std::string("HTTP/1.1 200 OK\r\n") + fields + "\r\n");
    play.expect({"abort origin", "record closed", "send client HTTP/1.1 502 Bad Gateway\r\n...", "end_write client"});
    CHECK(play.record().close_reason == CloseReason::kMessageRejected);
  }
}

TEST_CASE("relay policy: a password holds for the requests that repeat it") {
  Playbook play(Mode::kWhole, password_settings());
  const std::string first = "Proxy-Authorization: Basic bWFyaWE6eA==\r\n";
  play.received(Side::kClient, get_request("a.example", first)).expect({"authenticate maria x"});
  play.in(AuthDone{true}).expect({"release client", "dial a.example:80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example")});
  play.received(Side::kOrigin, ok_response("")).forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, get_request("a.example", first));
  play.expect({"record open", "send origin " + relayed("a.example")});
  CHECK(play.record().user == "maria");
  play.received(Side::kOrigin, ok_response("")).forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, get_request("a.example"));
  CHECK(status_of(play) == "407");
  play.forget();
}

TEST_CASE("relay policy: an origin that cannot be reached") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient, get_request("a.example")).forget();
  play.in(failed(CloseReason::kConnectRefused));
  play.expect({"record closed", "send client HTTP/1.1 502 Bad Gateway\r\n...", "end_write client"});
  CHECK(play.record().action == Verdict::kAllow);
  CHECK(play.record().close_reason == CloseReason::kConnectRefused);
}

TEST_CASE("relaying: what a lenient server takes for HTTP is no unknown protocol") {
  const auto protocol = [](std::string_view text) { return protocol_of(base::as_bytes(text)); };
  for (const char* text : {"GET / HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n", "\n\nGET /", "GET\t/ HTTP/1.1\r\n",
                           "GET\x0b/", "BREW /pot HTTP/1.1\r\n", "get / HTTP/1.1\n"}) {
    INFO(text);
    CHECK(protocol(text) == policy::Protocol::kHttp);
  }
  for (const char* text : {"", "\r", "\r\n\r\n", "G", "\r\nPOS", "GET"}) {
    INFO(text);
    CHECK(protocol(text) == policy::Protocol::kNotYet);
  }
  for (const char* text :
       {"EHLO mail.example\r\n", "GETX", "NICK a\r\nUSER b HTTP/\r\n", "\x16\x03\x01", "SSH-2.0-x\r\n"}) {
    INFO(text);
    CHECK(protocol(text) == policy::Protocol::kOther);
  }
}

}  // namespace sluice::flow::test
