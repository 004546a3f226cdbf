// Mistakes with their places, lints, versions, the catalogue, what a decision may not do.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/policy/catalogue.h"
#include "proxy/policy/limits.h"
#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using namespace sluice::policy::test;

TEST_CASE("compile: mistakes name file, line, column, field and what would be right") {
  struct Row {
    const char* yaml;  // begins in line 2
    const char* error;
  };
  const std::vector<Row> rows{
      {"url_list: []\n", "policy.yaml:2:1: url_list: unknown field; did you mean `url_lists`?"},
      {"url_lists:\n- {name: a, urls: ['*.*.com']}\n",
       "policy.yaml:3:20: url_lists[0].urls[0]: has `*` where it cannot stand; it stands once, in front: "
       "`*.example.com`"},
      {"url_lists:\n- {name: a, type: regex, urls: [x, '(']}\n",
       "policy.yaml:3:36: url_lists[0].urls[1]: is no regular expression of RE2: missing ): ("},
      {"url_lists: [{name: a}, {name: A}]\n",
       "policy.yaml:2:31: url_lists[1].name: is the name of an earlier one; names are compared without case"},
      {"custom_categories: [{name: c, include_url_lists: [nothing]}]\n",
       "policy.yaml:2:51: custom_categories[0].include_url_lists[0]: names no URL list"},
      {"realtime_policies:\n- {name: r, match: {categories: [Gamblin]}, action: block}\n",
       "policy.yaml:3:34: realtime_policies[0].match.categories[0]: names no category; did you mean `Gambling`?"},
      {"realtime_policies:\n- {name: r}\n",
       "policy.yaml:3:3: realtime_policies[0].action: is required; write `allow`, `alert` or `block`"},
      {"realtime_policies:\n- {name: r, action: block, notification: none}\n",
       "policy.yaml:3:42: realtime_policies[0].notification: names no notification"},
      {"realtime_policies:\n- {name: r, match: {destination_countries: [JP]}, action: block}\n",
       "policy.yaml:3:21: realtime_policies[0].match.destination_countries: needs `country_database: {path: FILE}`, a "
       "MaxMind DB file with countries"},
      {"realtime_policies:\n- {name: r, match: {source_cidrs: [10.0.0.1/8]}, action: block}\n",
       "policy.yaml:3:36: realtime_policies[0].match.source_cidrs[0]: must be a network such as 10.0.0.0/8 with no "
       "bits set behind the prefix"},
      {"ssl_decryption_policies:\n- {name: s, match: {methods: [GET]}}\n",
       "policy.yaml:3:13: ssl_decryption_policies[0].match: asks for the request, which is not known when it is "
       "decided whether to decrypt"},
      {"steering_configurations:\n- {name: a}\n- {name: b, applies_to: {users: [x]}}\n",
       "policy.yaml:3:3: steering_configurations[0].applies_to: names nobody; only the last steering configuration, "
       "the default, may do so\n"
       "policy.yaml:4:13: steering_configurations[1].applies_to: names somebody, but the last steering configuration "
       "is the default for all others; add one without applies_to"},
      {"steering_configurations:\n- {name: a, exceptions: [{name: e, domains: [a.example], expires: 2027-02-30}]}\n",
       "policy.yaml:3:67: steering_configurations[0].exceptions[0].expires: must be a date such as 2027-01-31"},
      {"steering_configurations:\n- {name: a, exceptions: [{name: e, certificate_pinned_app: {app: Dropbx}}]}\n",
       "policy.yaml:3:66: steering_configurations[0].exceptions[0].certificate_pinned_app.app: names no "
       "certificate-pinned app; did you mean `Dropbox`?"},
      {"steering_configurations:\n- name: a\n  exceptions:\n  - name: e\n    certificate_pinned_app: {app: Dropbox, "
       "tunnel_domains: [x.example]}\n",
       "policy.yaml:6:61: steering_configurations[0].exceptions[0].certificate_pinned_app.tunnel_domains[0]: is none "
       "of "
       "the app's domains; add it to `domains` as well"},
      {"directory: {file: nowhere.csv}\n", "policy.yaml:2:19: directory.file: /"},
  };
  for (const Row& row : rows) {
    INFO(row.yaml);
    const Attempt attempt = compiled(row.yaml);
    CHECK(attempt.policy == nullptr);
    CHECK_THAT(attempt.errors, Catch::StartsWith(row.error));
  }
  CHECK(sluice::config::parse_policy_config("bypassed_traffic: logg\n", "p.yaml").error().message ==
        "p.yaml:1:19: bypassed_traffic: must be `log` or `do_not_log`, found `logg`; did you mean `log`?");
}

TEST_CASE("lint: rules that are never reached are errors") {
  const auto hidden = [](const std::string& rules) {
    return compiled("realtime_policies:\n" + rules).errors.find("is never reached") != std::string::npos;
  };
  CHECK(
      hidden("- {name: a, match: {domains: [example.com]}, action: allow}\n"
             "- {name: b, match: {domains: [www.example.com], methods: [POST]}, action: block}\n"));
  CHECK(hidden("- {name: a, action: allow}\n- {name: b, match: {users: [x]}, action: block}\n"));
  CHECK(
      hidden("- {name: a, match: {not_users: [x]}, action: allow}\n"
             "- {name: b, match: {not_users: [x, y]}, action: block}\n"));
  CHECK(
      hidden("- {name: a, match: {source_cidrs: [10.0.0.0/8]}, action: allow}\n"
             "- {name: b, match: {source_cidrs: [10.1.0.0/16]}, action: block}\n"));
  CHECK_FALSE(
      hidden("- {name: a, match: {domains: [www.example.com]}, action: allow}\n"
             "- {name: b, match: {domains: [example.com]}, action: block}\n"));
  CHECK_FALSE(
      hidden("- {name: a, match: {domains: [example.com], users: [x]}, action: allow}\n"
             "- {name: b, match: {domains: [example.com]}, action: block}\n"));
  CHECK_FALSE(
      hidden("- {name: a, match: {not_users: [x, y]}, action: allow}\n"
             "- {name: b, match: {not_users: [x]}, action: block}\n"));
  const Attempt attempt = compiled(
      "steering_configurations:\n- name: d\n  exceptions:\n  - {name: all, domains: [example.com]}\n"
      "  - {name: www, domains: [www.example.com]}\n");
  CHECK(attempt.errors ==
        "policy.yaml:6:5: steering_configurations[0].exceptions[1]: is never reached: `all` "
        "(steering_configurations[0].exceptions[0]) covers everything that it matches");
  CHECK(compiled("steering_configurations:\n- name: d\n  exceptions:\n"
                 "  - {name: all, domains: [example.com], expires: 2030-01-01}\n"
                 "  - {name: www, domains: [www.example.com]}\n")
            .policy != nullptr);
}

TEST_CASE("lint: an exception before a block rule is a warning") {
  const std::string block =
      "url_lists: [{name: l, urls: [dropboxapi.com]}]\ncustom_categories: [{name: c, include_url_lists: [l]}]\n"
      "realtime_policies:\n- {name: Block, match: {categories: [c]}, action: block}\n";
  const Attempt attempt = compiled(
      block +
      "steering_configurations:\n- {name: d, exceptions: [{name: D, certificate_pinned_app: {app: Dropbox}}]}\n");
  REQUIRE(attempt.policy != nullptr);
  CHECK(attempt.warnings ==
        "policy.yaml:5:3: realtime_policies[0]: does not block dropboxapi.com where the exception `D` "
        "(steering_configurations[0].exceptions[0]) lets it pass; remove the exception to block it");
  CHECK_FALSE(compiled(block + "steering_configurations:\n- {name: d, exceptions: [{name: D, domains: "
                               "[api.dropboxapi.com]}]}\n")
                  .warnings.empty());
  CHECK(compiled(block + "steering_configurations:\n- {name: d, exceptions: [{name: D, domains: [a.example]}]}\n")
            .warnings.empty());
}

TEST_CASE("versions: equal for one policy however it is written") {
  const auto version = [](const std::string& yaml, uint64_t generation = 1) {
    const Attempt attempt = compiled(yaml, generation);
    INFO(attempt.errors);
    REQUIRE(attempt.policy != nullptr);
    return attempt.policy->version();
  };
  const std::string a =
      "url_lists: [{name: x, urls: [b.example, a.example]}, {name: y, urls: [c.example]}]\n"
      "notifications: {one: {title: t}, two: {title: u}}\n"
      "realtime_policies: [{name: r, match: {url_lists: [x, y]}, action: block}]\n";
  const std::string b =
      "realtime_policies: [{action: block, match: {url_lists: [y, x]}, name: r}]\n"
      "notifications: {two: {title: u}, one: {title: t}}\n"
      "url_lists: [{urls: [c.example], name: y}, {name: x, urls: [a.example, b.example]}]\n";
  CHECK(version(a) == version(b));
  CHECK(version(a).size() == 14);
  CHECK(version(a).starts_with("1-"));
  CHECK(version(a, 7).starts_with("7-"));
  CHECK(version(a, 7).substr(2) == version(a).substr(2));
  CHECK(version(a) != version(a + "ech: block\n"));
  const auto rules = [](const char* first, const char* second) {
    return "realtime_policies: [{name: " + std::string(first) + ", match: {domains: [" + first +
           ".example]}, action: block}, {name: " + second + ", match: {domains: [" + second +
           ".example]}, action: block}]\n";
  };
  CHECK(version(rules("a", "b")) != version(rules("b", "a")));
  CHECK(version("directory: {users: [{name: a}, {name: b}]}\n") ==
        version("directory: {users: [{name: b}, {name: a}]}\n"));
}

TEST_CASE("catalogue: apps with programs and names that compile") {
  const auto& apps = catalogue().certificate_pinned_apps();
  CHECK(apps.size() >= 40);
  std::string all;
  for (const auto& app : apps) {
    INFO(app.name());
    CHECK_FALSE(app.processes().empty());
    CHECK_FALSE(app.category().empty());
    for (const auto& process : app.processes()) {
      for (const std::string& name : process.names()) CHECK(name == sluice::base::ascii_lower(name));
    }
    const std::string hosts = app.domains().empty() ? ", domains: ['*']" : "";
    all += "  - {name: '" + app.name() + "', certificate_pinned_app: {app: '" + app.name() + "'" + hosts + "}}\n";
  }
  const auto policy = policy_of("steering_configurations:\n- name: d\n  exceptions:\n" + all);
  const auto bypassed = [&](const char* process, Platform platform, const char* host) {
    return std::string(policy->steer(from_process(flow_to(host), process, platform)).by.rule);
  };
  CHECK(bypassed("dropbox.exe", Platform::kWindows, "client.dropbox.com") == "Dropbox");
  CHECK(bypassed("Dropbox", Platform::kMacos, "api-notify.dropbox.com") == "Dropbox");
  CHECK(bypassed("dropbox", Platform::kLinux, "api.dropboxapi.com") == "Dropbox");
  CHECK(bypassed("GoogleDriveFS.exe", Platform::kWindows, "www.googleapis.com") == "Google Drive");
  CHECK(bypassed("Google Drive", Platform::kMacos, "clients6.google.com") == "Google Drive");
  CHECK(bypassed("OneDrive.exe", Platform::kWindows, "acme-my.sharepoint.com") == "OneDrive");
  CHECK(bypassed("OneDrive", Platform::kMacos, "onedrive.live.com") == "OneDrive");
  CHECK(bypassed("Zoom.exe", Platform::kWindows, "st3.zoom.us") == "Zoom");
  CHECK(bypassed("zoom.us", Platform::kMacos, "zoom.com") == "Zoom");
  CHECK(bypassed("zoom", Platform::kLinux, "zoom.us") == "Zoom");
}

TEST_CASE("trace: every rule with its conditions") {
  const auto policy = policy_of(
      "realtime_policies:\n"
      "- {name: a, match: {domains: [a.example], methods: [GET]}, action: alert}\n"
      "- {name: b, match: {not_domains: [b.example]}, action: block}\n"
      "- {name: c, match: {domains: [c.example]}, action: block}\n");
  const auto trace = policy->trace(flow_to("x.example"), Layer::kPop);
  REQUIRE(trace.size() == 3);
  CHECK(trace[0].outcome == Outcome::kNoMatch);
  REQUIRE(trace[0].conditions.size() == 2);
  CHECK(trace[0].conditions[0].kind == "domains");
  CHECK(trace[0].conditions[0].outcome == Outcome::kNoMatch);
  CHECK(trace[0].conditions[1].outcome == Outcome::kNotYet);
  CHECK(trace[1].outcome == Outcome::kMatch);
  CHECK(trace[1].conditions[0].kind == "not_domains");
  CHECK(trace[2].outcome == Outcome::kNotAsked);
}
