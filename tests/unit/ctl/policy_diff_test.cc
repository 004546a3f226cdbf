// What a person reads before applying a policy.
#include "proxy/ctl/policy_diff.h"

#include <catch2/catch.hpp>

#include "proxy/config/policy_config.h"

namespace sluice::ctl {

namespace {

config::v1::TenantPolicy policy(const std::string& yaml) {
  const auto loaded = config::parse_policy_config("tenant: acme\n" + yaml, "policy.yaml");
  REQUIRE(loaded);
  return loaded->message;
}

std::string diff(const std::string& from, const std::string& to) {
  return policy_diff(policy(from), policy(to), false);
}

const std::string two_rules =
    "realtime_policies:\n"
    "- {name: Games, match: {domains: [games.example]}, action: block}\n"
    "- {name: Ads, match: {domains: [ads.example, more.example]}, action: block}\n";

}  // namespace

TEST_CASE("policy diff: nothing changes") {
  CHECK(diff(two_rules, two_rules).empty());
  CHECK(diff("", "").empty());
}

TEST_CASE("policy diff: rules that are new or gone stand whole") {
  const std::string one_rule =
      "realtime_policies:\n"
      "- {name: Games, match: {domains: [games.example]}, action: block}\n";
  const std::string added = diff(one_rule, two_rules);
  INFO(added);
  CHECK(added.starts_with("  realtime_policies:\n+   Ads\n"));
  CHECK(added.find("ads.example") != std::string::npos);
  CHECK(added.find("Games") == std::string::npos);
  const std::string gone = diff(two_rules, one_rule);
  CHECK(gone.starts_with("  realtime_policies:\n-   Ads\n"));
}

TEST_CASE("policy diff: of a changed rule only what changed") {
  const std::string changed =
      "realtime_policies:\n"
      "- {name: Games, match: {domains: [games.example]}, action: alert}\n"
      "- {name: Ads, match: {domains: [ads.example, other.example]}, action: block}\n";
  const std::string text = diff(two_rules, changed);
  INFO(text);
  CHECK(text.find("~   Games\n") != std::string::npos);
  CHECK(text.find("-     action: block\n") != std::string::npos);
  CHECK(text.find("+     action: alert\n") != std::string::npos);
  CHECK(text.find("games.example") == std::string::npos);
  CHECK(text.find("more.example") != std::string::npos);
  CHECK(text.find("other.example") != std::string::npos);
  CHECK(text.find("ads.example") == std::string::npos);
}

TEST_CASE("policy diff: an order that changed decides differently, so it is told") {
  const std::string turned =
      "realtime_policies:\n"
      "- {name: Ads, match: {domains: [ads.example, more.example]}, action: block}\n"
      "- {name: Games, match: {domains: [games.example]}, action: block}\n";
  const std::string text = diff(two_rules, turned);
  INFO(text);
  CHECK(text.find(">   Ads: place 2 -> 1\n") != std::string::npos);
}

TEST_CASE("policy diff: single values, and colour for terminals") {
  const std::string text = diff("bypassed_traffic: log\n", "bypassed_traffic: do_not_log\n");
  CHECK(text == "- bypassed_traffic: log\n+ bypassed_traffic: do_not_log\n");
  const std::string coloured = policy_diff(policy("ech: allow\n"), policy("ech: block\n"), true);
  INFO(coloured);
  CHECK(coloured.find("\x1b[32m+ ech: block\x1b[0m\n") != std::string::npos);
}

}  // namespace sluice::ctl
