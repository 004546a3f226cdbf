// Flows that came through a tunnel: the CONNECT is a request, the hello may stand behind it, refusals are answers.
#include "proxy/flow/reason.h"
#include "tests/scenario/flow_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

Opened tunnelled(const std::string& authority, wire::Fields fields, std::string_view early) {
  auto end = std::make_shared<TunnelEnd>();
  end->user = "anna";
  end->device = std::make_shared<Device>(Device{"laptop-7", {}, {}, {}, {}});
  end->tunnel_id = "t-1";
  Opened opened;
  opened.tunnel = std::move(end);
  opened.request = ConnectRequest{authority, std::move(fields)};
  opened.early = base::Chunk::copy_of(early);
  return opened;
}

Settings blocking_settings() {
  Settings settings = open_settings();
  settings.policy = support::policy_of(
      "tenant: default\n"
      "realtime_policies: [{name: Block bad, match: {domains: [bad.example]}, action: block}]\n");
  return settings;
}

}  // namespace

TEST_CASE("the hello behind a CONNECT is understood before anything is dialled") {
  const std::string hello = hello_for("example.com");
  Playbook play(
      Mode::kWhole, open_settings(),
      tunnelled("example.com:443", {{"sluice-flow-id", "f-1"}, {"sluice-process", "curl"}}, hello.substr(0, 100)));
  CHECK(play.pending().empty());
  play.received(Side::kClient, hello.substr(100)).expect({"dial example.com:443"});
  play.in(connected());
  play.expect({"record open", "respond 200", "release client", "record open",
               "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
  CHECK(play.record().user == "anna");
  CHECK(play.record().device->id == "laptop-7");
  CHECK(play.record().tunnel_id == "t-1");
  CHECK(play.record().correlation_id == "laptop-7/f-1");
  CHECK(play.record().process_name == "curl");
  CHECK(play.record().sni == "example.com");
  CHECK(play.record().alpn == "h2,http/1.1");
  play.forget();
}

TEST_CASE("an address with a name in its hello is dialled by the name, as we resolve it") {
  Playbook play(Mode::kWhole, open_settings(), tunnelled("192.0.2.1:443", {}, hello_for("example.com")));
  play.expect({"dial example.com:443"});
  CHECK(play.record().host == "example.com");
  CHECK(play.record().host_source == HostSource::kSni);
  play.in(connected()).forget();
  CHECK(play.to_origin() == hello_for("example.com"));
}

TEST_CASE("without early bytes a tunnelled flow is dialled, answered, and then heard") {
  Playbook play(Mode::kWhole, open_settings(), tunnelled("example.com:443", {}, ""));
  play.expect({"dial example.com:443"});
  play.in(connected()).expect({"record open", "respond 200", "release client"});
}

TEST_CASE("policy blocks a tunnelled flow by an answer, on the authority and on the hello") {
  Playbook named(Mode::kWhole, blocking_settings(), tunnelled("bad.example:443", {}, ""));
  named.expect({"record closed",
                "respond 403 proxy-status: pop-test; error=http_request_denied; details=\"Blocked by policy.\" "
                "sluice-reason: policy_block; policy=Block%20bad",
                "end_write client"});
  CHECK(named.record().close_reason == CloseReason::kPolicyBlock);
  Playbook heard(Mode::kWhole, blocking_settings(), tunnelled("192.0.2.1:443", {}, hello_for("bad.example")));
  heard.expect({"record closed", "respond 403...", "end_write client"});
  CHECK(heard.record().policy == "Block bad");
  Playbook fronted(Mode::kWhole, blocking_settings(), tunnelled("good.example:443", {}, hello_for("bad.example")));
  fronted.expect({"record closed", "respond 403...", "end_write client"});
  CHECK(fronted.record().close_reason == CloseReason::kSniMismatch);
}

TEST_CASE("a tunnelled request that is wrong is refused and recorded, and a slow hello too") {
  Playbook authority(Mode::kWhole, open_settings(), tunnelled("127.1:443", {}, ""));
  authority.expect({"record closed", "respond 400...", "end_write client"});
  CHECK(authority.record().close_reason == CloseReason::kBadAuthority);
  Playbook metadata(Mode::kWhole, open_settings(), tunnelled("example.com:443", {{"sluice-rule", "%"}}, ""));
  metadata.expect({"record closed", "respond 400...", "end_write client"});
  CHECK(metadata.record().close_reason == CloseReason::kBadRequest);
  Playbook slow(Mode::kWhole, open_settings(), tunnelled("example.com:443", {}, hello_for("example.com").substr(0, 9)));
  slow.tick().expect({"record closed", "respond 408...", "end_write client"});
  CHECK(slow.record().close_reason == CloseReason::kClientHelloTimeout);
}

TEST_CASE("a reason travels with its rule") {
  const std::string field = format_reason(CloseReason::kPolicyBlock, "Böse; policy=x");
  CHECK(field == "policy_block; policy=B%C3%B6se%3B%20policy%3Dx");
  const auto reason = parse_reason(field);
  REQUIRE(reason);
  CHECK(reason->close_reason == CloseReason::kPolicyBlock);
  CHECK(reason->policy == "Böse; policy=x");
  CHECK(parse_reason("drain")->policy.empty());
  CHECK_FALSE(parse_reason("nonsense"));
  CHECK_FALSE(parse_reason("policy_block; policy=%zz"));
}

}  // namespace sluice::flow::test
