// Timed bypasses: by host, by process, by both, until their moment.
#include "tests/unit/policy/policy_fixture.h"

namespace sluice::policy::test {

namespace {

constexpr const char* yaml = R"(
steering_configurations:
- name: default
  exceptions:
  - {name: Dropbox, certificate_pinned_app: {app: Dropbox, action: block}}
realtime_policies:
- {name: Block bad, match: {domains: [bad.test]}, action: block}
)";
const base::WallTime start{std::chrono::seconds(1'800'000'000)};

std::shared_ptr<const Policy> with(std::vector<TimedBypass> timed) {
  const auto loaded = config::parse_policy_config("tenant: acme\n" + std::string(yaml), "policy.yaml");
  auto resources = load_resources(loaded->message, ".");
  return compile(loaded->message, *resources, {.sha256_hex = sha256_hex, .timed = std::move(timed)})->policy;
}

TimedBypass bypass(std::string host, std::string process) {
  return {"00c0ffee", std::move(host), std::move(process), "ticket 4711", start + std::chrono::minutes(10)};
}

Facts at(Facts facts, base::WallTime now) {
  facts.now = now;
  return facts;
}

}  // namespace

TEST_CASE("a timed bypass goes before exceptions and rules, until its moment") {
  const auto policy = with({bypass("bad.test", "")});
  const Facts flow = flow_to("www.bad.test");
  const Verdict verdict = policy->decide(at(flow, start));
  CHECK(verdict.decision == Decision::kSplice);
  CHECK(verdict.by.kind == Kind::kTimedBypass);
  CHECK(verdict.by.rule == "timed bypass 00c0ffee");
  CHECK(verdict.bypass.code == BypassReasonCode::kTimed);
  CHECK(verdict.bypass.reason == "Timed bypass - ticket 4711");
  CHECK(policy->decide(at(flow, start + std::chrono::minutes(10))).decision == Decision::kBlock);
  CHECK(policy->matched_rules(at(flow, start)).front() == "timed:timed bypass 00c0ffee");
}

TEST_CASE("a timed bypass of a process is for that process; without a client its host is enough") {
  const auto policy = with({bypass("bad.test", "backup")});
  CHECK(policy->decide(at(from_process(flow_to("bad.test"), "Backup"), start)).decision == Decision::kSplice);
  CHECK(policy->decide(at(from_process(flow_to("bad.test"), "curl"), start)).decision == Decision::kBlock);
  CHECK(policy->decide(at(flow_to("bad.test"), start)).decision == Decision::kSplice);
  const auto any_host = with({bypass("", "backup")});
  CHECK(any_host->decide(at(from_process(flow_to("bad.test"), "backup"), start)).decision == Decision::kSplice);
  CHECK(any_host->decide(at(flow_to("bad.test"), start)).decision == Decision::kBlock);
}

TEST_CASE("a client lets a timed bypass go direct") {
  const auto policy = with({bypass("", "dropbox")});
  const Facts flow = at(from_process(flow_to("www.dropbox.com"), "dropbox"), start);
  const SteerVerdict verdict = policy->steer(flow);
  CHECK(verdict.path == Path::kDirect);
  CHECK(verdict.line == Line::kException);
  CHECK(verdict.by.kind == Kind::kTimedBypass);
  CHECK(verdict.bypass.code == BypassReasonCode::kTimed);
  CHECK(policy->steer(at(flow, start + std::chrono::hours(1))).path == Path::kRefuse);
  const auto trace = policy->trace(flow, Layer::kClient);
  CHECK(trace.front().kind == Kind::kTimedBypass);
  CHECK(trace.front().outcome == Outcome::kMatch);
  CHECK(trace[1].outcome == Outcome::kNotAsked);
}

TEST_CASE("a timed bypass must say what it covers") {
  CHECK(check_timed_bypass(bypass("*.example.test", "")));
  CHECK(check_timed_bypass(bypass("192.0.2.0/24", "curl")));
  CHECK_FALSE(check_timed_bypass(bypass("", "")));
  CHECK_FALSE(check_timed_bypass(bypass("exa mple", "")));
  CHECK_FALSE(check_timed_bypass(bypass("", "/usr/bin/curl")));
}

}  // namespace sluice::policy::test
