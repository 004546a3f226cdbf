// The client's verdict.
#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using namespace sluice::policy::test;

namespace {

Facts dropbox(std::string_view host = "client.dropbox.com") {
  return from_process(flow_to(host), "dropbox");
}

std::string configuration(const std::string& settings, const std::string& exceptions) {
  return "steering_configurations:\n- name: default\n" + settings + "  exceptions:\n" + exceptions;
}

}  // namespace

TEST_CASE("steer: mode of the app against the place of bypasses") {
  struct Row {
    const char* mode;
    const char* place;
    Line line;
    Path path;
    BypassMode bypass;
  };
  for (const Row& row : {Row{"direct", "client", Line::kAppDirect, Path::kDirect, BypassMode::kDirect},
                         Row{"direct", "cloud", Line::kAppDirect, Path::kTunnel, BypassMode::kTunnel},
                         Row{"tunnel", "client", Line::kAppTunnelled, Path::kTunnel, BypassMode::kTunnel},
                         Row{"tunnel", "cloud", Line::kAppTunnelled, Path::kTunnel, BypassMode::kTunnel}}) {
    INFO(row.mode << " " << row.place);
    const auto policy = policy_of(configuration(
        "  bypass_exceptions_at: " + std::string(row.place) + "\n",
        "  - {name: Dropbox, certificate_pinned_app: {app: Dropbox, mode: " + std::string(row.mode) + "}}\n"));
    const SteerVerdict verdict = policy->steer(dropbox());
    CHECK(verdict.line == row.line);
    CHECK(verdict.path == row.path);
    CHECK(verdict.bypass.mode == row.bypass);
    CHECK(verdict.action == Action::kBypass);
    CHECK(verdict.by.rule == "Dropbox");
    CHECK(verdict.by.layer == Layer::kClient);
    CHECK(verdict.bypass.reason == "Steering Exception - default");
    CHECK(verdict.identity == ProcessIdentity::kName);
    // Another program on the same host is steered, and so is the app elsewhere.
    CHECK(policy->steer(from_process(flow_to("client.dropbox.com"), "curl")).line == Line::kSteered);
    CHECK(policy->steer(dropbox("example.com")).line == Line::kSteered);
  }
}

TEST_CASE("steer: tunnel domains, block, further domains, any host") {
  const auto policy = policy_of(
      configuration("",
                    "  - {name: D, certificate_pinned_app: {app: Dropbox, domains: [sso.acme.test], tunnel_domains: "
                    "[sso.acme.test]}}\n"
                    "  - {name: S, certificate_pinned_app: {app: Signal, action: block}}\n"
                    "  - {name: G, certificate_pinned_app: {app: Git, domains: ['*']}}\n"));
  CHECK(policy->steer(dropbox()).line == Line::kAppDirect);
  CHECK(policy->steer(dropbox("sso.acme.test")).line == Line::kAppTunnelled);
  CHECK(policy->steer(dropbox("sso.acme.test")).path == Path::kTunnel);
  const SteerVerdict dropped = policy->steer(from_process(flow_to("chat.signal.org"), "Signal-Desktop"));
  CHECK(dropped.path == Path::kRefuse);
  CHECK(dropped.line == Line::kAppDropped);
  CHECK(dropped.action == Action::kDrop);
  CHECK(policy->steer(from_process(flow_to("any.example"), "git-remote-https")).by.rule == "G");
  // `*` lets a program out, never a flow whose program is unknown.
  CHECK(policy->decide(flow_to("any.example")).by.rule.empty());
}

TEST_CASE("steer: other exceptions, at client and in the cloud") {
  for (const bool cloud : {false, true}) {
    const auto policy = policy_of(configuration(cloud ? "  bypass_exceptions_at: cloud\n" : "",
                                                "  - {name: Bank, domains: [bank.example]}\n"
                                                "  - {name: Lab, sources: {cidrs: [10.9.0.0/16]}}\n"
                                                "  - {name: Apps, applications: [Zoom]}\n"
                                                "  - {name: Net, destinations: {cidrs: [203.0.113.0/24]}}\n"));
    const auto check = [&](const Facts& facts, const char* rule, BypassReasonCode code) {
      const SteerVerdict verdict = policy->steer(facts);
      CHECK(verdict.by.rule == rule);
      CHECK(verdict.line == Line::kException);
      CHECK(verdict.path == (cloud ? Path::kTunnel : Path::kDirect));
      CHECK(verdict.bypass.code == code);
      CHECK(policy->decide(facts).by.rule == rule);
    };
    check(flow_to("www.bank.example"), "Bank", BypassReasonCode::kDomain);
    Facts lab = flow_to("x.example");
    lab.source = ip("10.9.1.1");
    check(lab, "Lab", BypassReasonCode::kSource);
    check(flow_to("st3.zoom.us"), "Apps", BypassReasonCode::kApplication);
    Facts net = flow_to("x.example");
    net.address = Fact<sluice::base::IpAddress>::of(ip("203.0.113.5"));
    check(net, "Net", BypassReasonCode::kDestination);
  }
}

TEST_CASE("steer: what is not recorded") {
  const std::string exceptions =
      "  - {name: Quiet, domains: [quiet.example], log: false}\n"
      "  - {name: Loud, domains: [loud.example], log: true}\n"
      "  - {name: Plain, domains: [plain.example]}\n"
      "  - {name: Blocked, certificate_pinned_app: {app: Signal, action: block}}\n";
  for (const bool logged : {true, false}) {
    const auto policy = policy_of(std::string("bypassed_traffic: ") + (logged ? "log\n" : "do_not_log\n") +
                                  configuration("", exceptions));
    const auto recorded = [&](const char* host) {
      const SteerVerdict verdict = policy->steer(flow_to(host));
      CHECK(verdict.bypass.recorded == policy->decide(flow_to(host)).bypass.recorded);
      CHECK((verdict.line == Line::kNone) == !verdict.bypass.recorded);
      return verdict.bypass.recorded;
    };
    CHECK_FALSE(recorded("quiet.example"));
    CHECK(recorded("loud.example"));
    CHECK(recorded("plain.example") == logged);
    // Blocks are always recorded.
    CHECK(policy->steer(from_process(flow_to("signal.org"), "signal-desktop")).line == Line::kAppDropped);
  }
}

TEST_CASE("steer: traffic modes, private and own addresses, QUIC") {
  const auto web =
      policy_of(configuration("  steer_private_networks: [10.5.0.0/16]\n", "  - {name: q, domains: [q.example]}\n"));
  Facts facts = flow_to("x.example");
  CHECK(web->steer(facts).line == Line::kSteered);
  facts.port = 22;
  CHECK(web->steer(facts).path == Path::kDirect);
  CHECK(web->steer(facts).action == Action::kUnspecified);
  facts.port = 443;
  facts.address = Fact<sluice::base::IpAddress>::of(ip("10.1.1.1"));
  CHECK(web->steer(facts).line == Line::kPrivateAddress);
  CHECK(web->steer(facts).bypass.code == BypassReasonCode::kPrivateAddress);
  facts.address = Fact<sluice::base::IpAddress>::of(ip("10.5.1.1"));
  CHECK(web->steer(facts).line == Line::kSteered);
  facts.address = Fact<sluice::base::IpAddress>::of(ip("127.0.0.1"));
  CHECK(web->steer(facts).path == Path::kDirect);
  CHECK(web->steer(facts).line == Line::kNone);
  Facts quic = flow_to("x.example");
  quic.transport = Transport::kUdp;
  CHECK(web->steer(quic).line == Line::kQuicRefused);
  CHECK(web->steer(quic).path == Path::kRefuse);
  quic.host = Fact<std::string_view>::of("q.example");
  CHECK(web->steer(quic).path == Path::kDirect);
  const auto apps = policy_of(configuration("  traffic: cloud_apps\n", "  []\n"));
  CHECK(apps->steer(flow_to("www.dropbox.com")).line == Line::kSteered);
  CHECK(apps->steer(flow_to("x.example")).path == Path::kDirect);
  CHECK(policy_of(configuration("  traffic: none\n", "  []\n"))->steer(flow_to("x.example")).path == Path::kDirect);
}

TEST_CASE("steer: what the client cannot decide, the PoP does") {
  const auto policy = policy_of(
      configuration("", "  - {name: Health, categories: [Health]}\n  - {name: Own, categories: [Own]}\n") +
      "url_lists: [{name: l, urls: [own.example]}]\ncustom_categories: [{name: Own, include_url_lists: [l]}]\n");
  CHECK(policy->steer(flow_to("www.who.int")).line == Line::kSteered);
  CHECK(policy->decide(flow_to("www.who.int")).by.rule == "Health");
  CHECK(policy->steer(flow_to("own.example")).by.rule == "Own");
  const auto trace = policy->trace(flow_to("www.who.int"), Layer::kClient);
  REQUIRE(trace.size() == 2);
  CHECK(trace[0].outcome == Outcome::kSkipped);
}

TEST_CASE("steer: stronger identity of processes") {
  const auto policy = policy_of(configuration("", "  - {name: D, certificate_pinned_app: {app: dropbox}}\n") +
                                "certificate_pinned_apps:\n"
                                "- name: Dropbox\n"
                                "  domains: [dropbox.com]\n"
                                "  processes: [{platform: linux, names: [dropbox], path_prefix: /opt/dropbox/}]\n");
  Facts facts = dropbox();
  CHECK(policy->steer(facts).line == Line::kSteered);
  facts.process.value.path = "/opt/dropboxer/dropbox";
  CHECK(policy->steer(facts).line == Line::kSteered);
  facts.process.value.path = "/opt/dropbox/bin/dropbox";
  CHECK(policy->steer(facts).line == Line::kAppDirect);
  CHECK(policy->steer(facts).identity == ProcessIdentity::kPath);
}

TEST_CASE("steer: the configuration of a user is the first that names them") {
  const auto policy = policy_of(
      "steering_configurations:\n"
      "- {name: lab, applies_to: {groups: [lab]}, traffic: none, fail: closed}\n"
      "- {name: ann, applies_to: {users: [ann]}}\n"
      "- {name: everybody}\n"
      "directory: {users: [{name: ann, groups: [LAB]}, {name: bob}]}\n");
  CHECK(policy->steering_configuration("Ann") == "lab");
  CHECK_FALSE(policy->fails_open("ann"));
  CHECK(policy->steering_configuration("bob") == "everybody");
  CHECK(policy->steering_configuration("") == "everybody");
}
