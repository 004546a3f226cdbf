// Connections that nobody announced: the network turned them over to us.
#include "tests/scenario/relay_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

Settings transparent_settings(const char* policy = nullptr) {
  Settings settings = open_settings();
  settings.transparent = true;
  settings.access_method = AccessMethod::kTransparent;
  if (policy != nullptr) settings.policy = support::policy_of(policy);
  return settings;
}

Opened turned_over(const char* destination) {
  Opened opened;
  opened.original_destination = *base::Endpoint::parse(destination);
  return opened;
}

const std::string access_denied = "send client " + std::string("\x15\x03\x03\x00\x02\x02\x31", 7);
const std::string internal_error = "send client " + std::string("\x15\x03\x03\x00\x02\x02\x50", 7);

}  // namespace

TEST_CASE("transparent: the name in the hello is what is judged and dialled") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, transparent_settings(), turned_over("203.0.113.9:443"));
  const std::string hello = hello_for("example.com");
  play.received(Side::kClient, hello).expect({"dial example.com:443"});
  play.in(connected())
      .expect(
          {"record open", "release client", "record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
  CHECK(play.record().host == "example.com");
  CHECK(play.record().host_source == HostSource::kSni);
  CHECK(play.record().access_method == AccessMethod::kTransparent);
  CHECK(play.record().client_bytes == hello.size());
}

TEST_CASE("transparent: what is neither TLS nor HTTP goes to the address") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, transparent_settings(), turned_over("203.0.113.7:443"));
  play.received(Side::kClient, "x").expect({"dial 203.0.113.7:443"});
  play.in(connected()).expect({"record open", "release client", "record open", "splice up=1 down=0"});
  CHECK(play.record().host == "203.0.113.7");
  CHECK(play.record().host_source == HostSource::kUnspecified);
}

TEST_CASE("transparent: who stays silent waits for the origin's first word") {
  Playbook play(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:443"));
  play.tick().expect({"dial 203.0.113.7:443"});
  play.in(connected()).expect({"record open", "release client"});
  play.received(Side::kOrigin, "220 ready\r\n").expect({"record open", "splice up=0 down=11"});
}

TEST_CASE("transparent: a name that comes late still decides") {
  Playbook play(Mode::kWhole, transparent_settings(), turned_over("203.0.113.9:443"));
  play.tick().expect({"dial 203.0.113.9:443"});
  play.in(connected_at("203.0.113.9:443")).expect({"record open", "release client"});
  play.received(Side::kClient, hello_for("example.com")).expect({"dial example.com:443"});
  play.in(connected());
  play.forget();
  CHECK(play.record().host == "example.com");
}

TEST_CASE("transparent: plain HTTP is relayed to the host it names") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, transparent_settings(), turned_over("203.0.113.7:80"));
  play.merge_sends();
  // Bytewise, the stage changes with the end of the method's word.
  play.received(Side::kClient, relayed("a.example")).expect({"release client", "dial a.example:80"});
  play.in(connected_at("203.0.113.8:80")).expect({"record open", "send origin " + relayed("a.example")});
  CHECK(play.record().host_source == HostSource::kHttpHost);
  CHECK(play.record().exchange->url == "http://a.example/");
}

TEST_CASE("transparent: a request for another port than the connection's is misdirected") {
  Playbook play(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:80"));
  play.received(Side::kClient, relayed("a.example:8080"));
  play.expect(
      {"release client", "record closed", "send client HTTP/1.1 421 Misdirected Request...", "end_write client"});
}

TEST_CASE("transparent: a blocked name hears an alert, and is not dialled") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(
      mode,
      transparent_settings("tenant: acme\n"
                           "realtime_policies: [{name: Stop, match: {domains: [example.com]}, action: block}]"),
      turned_over("203.0.113.7:443"));
  play.received(Side::kClient, hello_for("example.com"));
  play.expect({"record open", "release client", "record closed", access_denied, "end_write client"});
  CHECK(play.record().policy == "Stop");
  CHECK(play.record().close_reason == CloseReason::kPolicyBlock);
}

TEST_CASE("transparent: what is not TLS where policy would decrypt") {
  const char* const policies[] = {"tenant: acme\nunknown_protocol: block\n",
                                  "tenant: acme\nunknown_protocol: splice\n"};
  for (const bool splices : {false, true}) {
    Settings settings = transparent_settings(policies[splices ? 1 : 0]);
    settings.interception = true;
    Playbook play(Mode::kWhole, settings, turned_over("203.0.113.7:443"));
    play.received(Side::kClient, "x").expect({"dial 203.0.113.7:443"});
    play.in(connected());
    if (splices) {
      play.expect({"record open", "release client", "record open", "splice up=1 down=0"});
      CHECK(play.record().bypass_reason_code == BypassReasonCode::kProtocol);
    } else {
      play.expect({"record open", "release client", "record closed", "close 64"});
      CHECK(play.record().policy == "unknown_protocol");
      CHECK(play.record().action == Verdict::kBlock);
    }
  }
}

TEST_CASE("transparent: TLS whose origin cannot be had hears an alert, others an end") {
  Playbook tls(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:443"));
  const std::string hello = hello_for("example.com");
  tls.received(Side::kClient, hello).expect({"dial example.com:443"});
  tls.in(failed(CloseReason::kConnectRefused)).expect({"record closed", internal_error, "end_write client"});
  CHECK(tls.record().client_bytes == hello.size());
  CHECK(tls.record().close_reason == CloseReason::kConnectRefused);

  Playbook other(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:443"));
  other.received(Side::kClient, "x").expect({"dial 203.0.113.7:443"});
  other.in(failed(CloseReason::kDestinationProhibited)).expect({"record closed", "close 41"});
  CHECK(other.record().action == Verdict::kBlock);

  Playbook port(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:25"));
  port.tick().expect({"record closed", "close 40"});
}

TEST_CASE("transparent: silence that ends is nothing, and what was not turned over goes nowhere") {
  Playbook silent(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:443"));
  silent.in(ReadEnded{Side::kClient}).expect({"close 1"});

  Playbook direct(Mode::kWhole, transparent_settings());
  direct.expect({"record closed", "close 25"});

  Playbook partial(Mode::kWhole, transparent_settings(), turned_over("203.0.113.7:443"));
  partial.received(Side::kClient, hello_for("example.com").substr(0, 20)).expect({});
  partial.tick().expect({"record closed", "close 60"});

  Settings settings = transparent_settings();
  settings.allow_any_source = false;
  Playbook stranger(Mode::kWhole, settings, turned_over("203.0.113.7:443"));
  stranger.expect({"record closed", "close 26"});
}

}  // namespace sluice::flow::test
