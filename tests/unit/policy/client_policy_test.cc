#include "proxy/policy/client_policy.h"

#include "tests/unit/policy/policy_fixture.h"

namespace sluice::policy::test {

namespace {

constexpr const char* tenant = R"(
bypassed_traffic: do_not_log
steering_configurations:
- name: Sales
  applies_to: {groups: [sales]}
  exceptions:
  - {name: Ours, certificate_pinned_app: {app: Ledger}}
  - {name: Dropbox, certificate_pinned_app: {app: dropbox}}
  - {name: Bank, domains: [bank.test], note: ticket 4711, owner: it@acme.test}
  - {name: Health, categories: [Health]}
  - {name: Partners, categories: [Partners]}
  - {name: Mixed, categories: [Partners, Health]}
  - {name: Wide, categories: [Wide]}
  - {name: Calls, not_applications: [zoom]}
- name: default
  traffic: cloud_apps
certificate_pinned_apps:
- {name: Ledger, domains: [ledger.test], processes: [{platform: linux, names: [ledger]}]}
- {name: Unused, domains: [unused.test]}
url_lists:
- {name: partners, urls: [partner.test]}
- {name: not-these, urls: [bad.partner.test]}
- {name: secret, urls: [rumours.test]}
custom_categories:
- {name: Partners, include_url_lists: [partners], exclude_url_lists: [not-these]}
- {name: Wide, include_url_lists: [partners], categories: [Health]}
- {name: Secret, include_url_lists: [secret]}
ssl_decryption_policies:
- {name: Leave bank, match: {domains: [bank.test]}, action: do_not_decrypt}
realtime_policies:
- {name: Block secrets, match: {categories: [Secret]}, action: block}
notifications: {default: {title: No}}
directory: {users: [{name: ann, groups: [sales]}]}
)";

config::v1::TenantPolicy message() {
  return config::parse_policy_config("tenant: acme\n" + std::string(tenant), "policy.yaml").value().message;
}

template <class Messages>
std::vector<std::string> names(const Messages& messages) {
  std::vector<std::string> all;
  for (const auto& one : messages) all.push_back(one.name());
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a client receives its configuration and what that uses") {
  const auto derived = client_policy(message(), "Sales");
  CHECK(derived.tenant() == "acme");
  CHECK(derived.bypassed_traffic() == config::v1::BYPASSED_TRAFFIC_DO_NOT_LOG);
  REQUIRE(names(derived.steering_configurations()) == Names{"Sales"});
  const auto& steering = derived.steering_configurations(0);
  CHECK_FALSE(steering.has_applies_to());
  CHECK(names(steering.exceptions()) == Names{"Ours", "Dropbox", "Bank", "Partners", "Calls"});
  CHECK(steering.exceptions(2).note().empty());
  CHECK(steering.exceptions(2).owner().empty());
  CHECK(names(derived.custom_categories()) == Names{"Partners"});
  CHECK(names(derived.url_lists()) == Names{"partners", "not-these"});
  CHECK(names(derived.certificate_pinned_apps()) == Names{"Ledger", "Dropbox", "Zoom"});
  CHECK(derived.realtime_policies().empty());
  CHECK(derived.ssl_decryption_policies().empty());
  CHECK(derived.notifications().empty());
  CHECK_FALSE(derived.has_directory());
}

TEST_CASE("a configuration that steers cloud apps brings them all") {
  const auto derived = client_policy(message(), "default");
  const Names apps = names(derived.certificate_pinned_apps());
  CHECK(apps.size() > 40);
  CHECK(std::find(apps.begin(), apps.end(), "Unused") != apps.end());
  CHECK(derived.url_lists().empty());
}

TEST_CASE("what a client receives decides there as the whole policy would, under the same version") {
  const auto whole = policy_of(tenant);
  const auto configuration = whole->steering_configuration("ann");
  CHECK(configuration == "Sales");
  CompileOptions options;
  options.version = whole->version();
  const auto compiled = compile(client_policy(message(), configuration), {}, options);
  REQUIRE(compiled.ok());
  const Policy& own = *compiled->policy;
  CHECK(own.version() == whole->version());
  for (const char* host : {"ledger.test", "www.dropbox.com", "bank.test", "partner.test", "bad.partner.test", "zoom.us",
                           "example.test", "rumours.test"}) {
    for (const char* process : {"ledger", "dropbox", "curl"}) {
      Facts facts = from_process(flow_to(host), process);
      facts.user = Fact<std::string_view>::of("ann");
      const SteerVerdict expected = whole->steer(facts);
      const SteerVerdict verdict = own.steer(facts);
      INFO(host << " " << process);
      CHECK(verdict.path == expected.path);
      CHECK(verdict.by.rule == expected.by.rule);
      CHECK(verdict.by.configuration == expected.by.configuration);
      CHECK(verdict.bypass.code == expected.bypass.code);
      CHECK(verdict.bypass.recorded == expected.bypass.recorded);
    }
  }
}

TEST_CASE("a policy without steering configurations leaves the client its default") {
  config::v1::TenantPolicy bare;
  bare.set_tenant("acme");
  CompileOptions options;
  options.version = "1-abc";
  CHECK(compile(client_policy(bare, "default"), {}, options).ok());
}

}  // namespace sluice::policy::test
