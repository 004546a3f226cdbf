// The PoP's verdict: order of evaluation, undecided facts, negative kinds, who and where.
#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using namespace sluice::policy::test;

namespace {

const char* const story =
    "steering_configurations:\n"
    "- name: default\n"
    "  exceptions:\n"
    "  - {name: Zoom, certificate_pinned_app: {app: Zoom}}\n"
    "  - {name: Bank, domains: [bank.example], log: false}\n"
    "  - {name: Old, domains: [old.example], expires: 2026-03-01}\n"
    "  - {name: Refused, certificate_pinned_app: {app: Signal, action: block}}\n"
    "ssl_decryption_policies:\n"
    "- {name: Do not decrypt Dropbox, match: {domains: [dropbox.com]}, action: do_not_decrypt}\n"
    "- {name: Decrypt sub, match: {domains: [dec.health.example]}, action: decrypt}\n"
    "- {name: Health, match: {domains: [health.example]}, action: do_not_decrypt}\n"
    "url_lists: [{name: dropbox-urls, urls: [dropbox.com]}]\n"
    "custom_categories: [{name: Blocked apps, include_url_lists: [dropbox-urls]}]\n"
    "realtime_policies:\n"
    "- {name: Boss, match: {users: [boss@acme.test]}, action: allow}\n"
    "- {name: Block apps, match: {categories: [Blocked apps]}, action: block}\n"
    "- {name: No posts, match: {domains: [forum.example, health.example], methods: [POST]}, action: block}\n"
    "- {name: Watch, match: {domains: [health.example]}, action: alert}\n"
    "- {name: Only office, match: {domains: [office.example], not_source_cidrs: [10.0.0.0/8]}, action: block}\n"
    "- {name: Interns, match: {groups: [interns], domains: [games.example]}, action: block}\n"
    "- {name: Ports, match: {destination_ports: [8443]}, action: block}\n"
    "notifications: {default: {title: Blocked, body: No., support: it@acme.test}}\n"
    "directory: {users: [{name: Ann@acme.test, groups: [Interns], organization_unit: Lab}]}\n";

sluice::base::WallTime day(int year, unsigned month, unsigned day_of_month) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day_of_month));
}

}  // namespace

TEST_CASE("decide: a block by category without decryption") {
  const auto policy = policy_of(story);
  const Verdict verdict = policy->decide(flow_to("client.dropbox.com"));
  CHECK(verdict.decision == Decision::kBlock);
  CHECK(verdict.action == Action::kBlock);
  CHECK(verdict.by.kind == Kind::kRealtime);
  CHECK(verdict.by.layer == Layer::kPop);
  CHECK(verdict.by.rule == "Block apps");
  REQUIRE(verdict.notice != nullptr);
  CHECK(verdict.notice->title == "Blocked");
}

TEST_CASE("decide: an exception ends evaluation, and says why") {
  const auto policy = policy_of(story);
  const Verdict zoom = policy->decide(from_process(flow_to("st3.zoom.us"), "ZOOM"));
  CHECK(zoom.decision == Decision::kSplice);
  CHECK(zoom.action == Action::kBypass);
  CHECK(zoom.by.rule == "Zoom");
  CHECK(zoom.by.configuration == "default");
  CHECK(zoom.bypass.reason == "Steering Exception - default");
  CHECK(zoom.bypass.code == BypassReasonCode::kCertificatePinnedApp);
  CHECK(zoom.bypass.mode == BypassMode::kTunnel);
  CHECK(zoom.bypass.recorded);
  CHECK(policy->decide(from_process(flow_to("st3.zoom.us"), "firefox")).by.rule.empty());
  CHECK(policy->decide(from_process(flow_to("example.org"), "zoom")).by.rule.empty());
  CHECK(policy->decide(from_process(flow_to("zoom.us"), "zoom", Platform::kMacos)).by.rule.empty());
  // Without a client the name alone matches; with one whose process is gone nothing does.
  CHECK(policy->decide(flow_to("zoom.us")).by.rule == "Zoom");
  Facts gone = flow_to("zoom.us");
  gone.has_client = true;
  CHECK(policy->decide(gone).by.rule.empty());
  const Verdict refused = policy->decide(flow_to("signal.org"));
  CHECK(refused.decision == Decision::kBlock);
  CHECK(refused.by.kind == Kind::kSteeringException);
  CHECK_FALSE(policy->decide(flow_to("bank.example")).bypass.recorded);
}

TEST_CASE("decide: exceptions end on their last day") {
  const auto policy = policy_of(story);
  Facts facts = flow_to("old.example");
  facts.now = day(2026, 3, 1) + std::chrono::hours(23);
  CHECK(policy->decide(facts).by.rule == "Old");
  facts.now = day(2026, 3, 2);
  CHECK(policy->decide(facts).by.rule.empty());
}

TEST_CASE("decide: do not decrypt, with real-time policies that never see the request") {
  const auto policy = policy_of(story);
  // `No posts` waits for the method, which never comes; `Watch` then decides.
  const Verdict verdict = policy->decide(flow_to("www.health.example"));
  CHECK(verdict.decision == Decision::kSplice);
  CHECK(verdict.action == Action::kAlert);
  CHECK(verdict.by.rule == "Watch");
  CHECK(verdict.ssl_policy == "Health");
  CHECK(verdict.bypass.reason == "SSL Policy - Health");
  CHECK(verdict.bypass.code == BypassReasonCode::kSslPolicy);
  CHECK(verdict.bypass.mode == BypassMode::kDoNotDecrypt);
  const Verdict decrypted = policy->decide(flow_to("dec.health.example"));
  CHECK(decrypted.decision == Decision::kIntercept);
  CHECK(decrypted.missing == kMissingRequest);
  CHECK(decrypted.ssl_policy == "Decrypt sub");
  Facts boss = flow_to("www.dropbox.com");
  boss.user = Fact<std::string_view>::of("BOSS@acme.test");
  const Verdict allowed = policy->decide(boss);
  CHECK(allowed.decision == Decision::kSplice);
  CHECK(allowed.action == Action::kBypass);
  CHECK(allowed.by.rule == "Do not decrypt Dropbox");
}

TEST_CASE("decide: per request after decryption") {
  const auto policy = policy_of(story);
  Facts facts = flow_to("forum.example");
  CHECK(policy->decide(facts).decision == Decision::kIntercept);
  CHECK(policy->decide(facts).missing == kMissingRequest);
  facts.request = Fact<Request>::of({"POST", "/", ""});
  CHECK(policy->decide(facts).by.rule == "No posts");
  facts.request = Fact<Request>::of({"GET", "/", ""});
  const Verdict get = policy->decide(facts);
  CHECK(get.decision == Decision::kIntercept);
  CHECK(get.missing == kMissingNothing);
  CHECK(get.action == Action::kAllow);
}

TEST_CASE("decide: who and from where") {
  const auto policy = policy_of(story);
  CHECK(policy->decide(flow_to("office.example")).by.rule == "Only office");
  Facts inside = flow_to("office.example");
  inside.source = ip("10.1.2.3");
  CHECK(policy->decide(inside).by.rule.empty());
  Facts ann = flow_to("games.example");
  CHECK(policy->decide(ann).by.rule.empty());
  ann.user = Fact<std::string_view>::of("ann@ACME.test");
  CHECK(policy->decide(ann).by.rule == "Interns");
  CHECK(policy->identity("ANN@acme.test").organization_unit == "Lab");
  CHECK(policy->identity("ANN@acme.test").groups.size() == 1);
  CHECK(policy->identity("nobody").groups.empty());
  Facts port = flow_to("x.example");
  port.port = 8443;
  CHECK(policy->decide(port).by.rule == "Ports");
}

TEST_CASE("decide: nothing passes before the facts of an earlier rule are known") {
  const auto policy = policy_of(
      "steering_configurations:\n"
      "- {name: default, exceptions: [{name: Offices, destinations: {cidrs: [203.0.113.0/24]}}]}\n"
      "realtime_policies:\n"
      "- {name: Elsewhere, match: {not_destination_cidrs: [198.51.100.0/24]}, action: block}\n");
  Facts facts = flow_to("example.com");
  const Verdict open = policy->decide(facts);
  CHECK(open.decision == Decision::kUndecided);
  CHECK(open.missing == kMissingAddress);
  facts.address = Fact<sluice::base::IpAddress>::of(ip("203.0.113.9"));
  CHECK(policy->decide(facts).by.rule == "Offices");
  facts.address = Fact<sluice::base::IpAddress>::of(ip("198.51.100.9"));
  CHECK(policy->decide(facts).decision == Decision::kIntercept);
  facts.address = Fact<sluice::base::IpAddress>::of(ip("::ffff:192.0.2.9"));
  CHECK(policy->decide(facts).by.rule == "Elsewhere");
  // What can never be known matches nothing, not even in its negative form.
  facts.address = Fact<sluice::base::IpAddress>::never();
  CHECK(policy->decide(facts).decision == Decision::kIntercept);
  Facts unnamed = flow_to("");
  unnamed.host = {};
  const auto by_name = policy_of("realtime_policies: [{name: r, match: {domains: [a.example]}, action: block}]\n");
  CHECK(by_name->decide(unnamed).missing == kMissingHost);
}

TEST_CASE("decide: a flow without a name is known by its address, also in not_ kinds") {
  const auto policy = policy_of(
      "realtime_policies:\n"
      "- {name: Ours only, match: {not_domains: [acme.test, 192.0.2.0/24]}, action: block}\n");
  CHECK(policy->decide(flow_to("www.acme.test")).by.rule.empty());
  CHECK(policy->decide(flow_to("192.0.2.1")).by.rule.empty());
  CHECK(policy->decide(flow_to("198.51.100.1")).by.rule == "Ours only");
  Facts nameless = flow_to("");
  nameless.host = Fact<std::string_view>::never();
  nameless.address = Fact<sluice::base::IpAddress>::of(ip("198.51.100.1"));
  CHECK(policy->decide(nameless).by.rule == "Ours only");
}

TEST_CASE("decide: other protocols, encrypted hello, no interception, plain HTTP") {
  const auto strict = policy_of("ech: block\n");
  Facts facts = flow_to("example.com");
  facts.has_ech = true;
  CHECK(strict->decide(facts).by.rule == "ech");
  facts.has_ech = false;
  facts.protocol = Protocol::kOther;
  const Verdict other = strict->decide(facts);
  CHECK(other.decision == Decision::kBlock);
  CHECK(other.by.rule == "unknown_protocol");
  CHECK(policy_of("unknown_protocol: splice\n")->decide(facts).bypass.code == BypassReasonCode::kProtocol);
  facts.protocol = Protocol::kTls;
  facts.can_intercept = false;
  CHECK(strict->decide(facts).bypass.code == BypassReasonCode::kInterceptionOff);
  facts.protocol = Protocol::kHttp;
  CHECK(strict->decide(facts).decision == Decision::kIntercept);
}

TEST_CASE("decide: errors of certificates") {
  const auto policy = policy_of(
      "certificate_errors:\n"
      "  default: mirror\n"
      "  rules:\n"
      "  - {domains: [lab.example], allow: [self_signed, expired], action: allow}\n"
      "  - {allow: [revoked], action: block}\n");
  const std::vector<CertificateError> self_signed{CertificateError::kSelfSigned};
  const std::vector<CertificateError> both{CertificateError::kSelfSigned, CertificateError::kNameMismatch};
  const std::vector<CertificateError> revoked{CertificateError::kRevoked};
  const auto allowed = policy->decide_certificate(flow_to("a.lab.example"), self_signed);
  CHECK(allowed.action == CertificateAction::kAllow);
  CHECK(allowed.reason == "Certificate error - lab.example");
  CHECK(policy->decide_certificate(flow_to("a.lab.example"), both).action == CertificateAction::kMirror);
  CHECK(policy->decide_certificate(flow_to("lab.example.org"), self_signed).action == CertificateAction::kMirror);
  CHECK(policy->decide_certificate(flow_to("x.example"), revoked).action == CertificateAction::kBlock);
}

TEST_CASE("decide: every rule that matches, for events") {
  const auto policy = policy_of(story);
  CHECK(policy->matched_rules(flow_to("www.dropbox.com")) ==
        std::vector<std::string>{"realtime:Block apps", "ssl:Do not decrypt Dropbox"});
}
