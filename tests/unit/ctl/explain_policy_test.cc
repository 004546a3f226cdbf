// sluicectl explain --policy and config check of policies, as a person meets them.
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "tests/support/temporary_folder.h"

namespace sluice::ctl {

namespace {

constexpr const char* policy_yaml =
    "tenant: acme\n"
    "steering_configurations:\n"
    "- name: default\n"
    "  exceptions:\n"
    "  - {name: Bank, domains: [bank.example]}\n"
    "  - {name: Dropbox, certificate_pinned_app: {app: Dropbox}}\n"
    "realtime_policies:\n"
    "- {name: Block box, match: {domains: [box.com], not_users: [ann]}, action: block}\n";

// Output and errors together, then the exit code.
std::string ctl(const TemporaryFolder& folder, const std::string& arguments) {
  FILE* pipe = popen(("cd " + folder.path() + " && " SLUICECTL " " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
  const int status = pclose(pipe);
  REQUIRE(WIFEXITED(status));
  return output + "exit " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

TEST_CASE("explain --policy prints every rule and the verdict of both layers") {
  const TemporaryFolder folder;
  folder.write("policy.yaml", policy_yaml);
  const std::string bypassed =
      ctl(folder, "explain --policy policy.yaml --process dropbox --platform linux --host client.dropbox.com");
  INFO(bypassed);
  CHECK(bypassed.find("host     app Dropbox, category Cloud Storage\n") != std::string::npos);
  CHECK(bypassed.find("layer client\n"
                      "  1  exception   no match     Bank (bypass)  domains: no match\n"
                      "  2  exception   match        Dropbox (bypass, mode direct)  domains: match, processes: match\n"
                      "verdict  bypass: the flow goes direct, by exception `Dropbox` of steering configuration "
                      "`default`\n"
                      "         bypass_reason: Steering Exception - default\n") != std::string::npos);
  CHECK(bypassed.find("layer pop\n     the flow does not reach it\n") != std::string::npos);
  const std::string blocked = ctl(folder, "explain --policy policy.yaml --host www.box.com --user bob --layer pop");
  INFO(blocked);
  CHECK(blocked.find("  3  real-time   match        Block box (block)  domains: match, not_users: match\n"
                     "verdict  block, by real-time `Block box`\nexit 0") != std::string::npos);
  CHECK(blocked.find("layer client") == std::string::npos);
}

TEST_CASE("explain asks for one of --config and --policy, and tells mistakes of the policy") {
  const TemporaryFolder folder;
  folder.write("policy.yaml",
               "tenant: acme\nrealtime_policies:\n- {name: r, match: {categories: [None]}, action: block}\n");
  CHECK(ctl(folder, "explain --policy policy.yaml --host example.com") ==
        "policy.yaml:3:34: realtime_policies[0].match.categories[0]: names no category\nexit 2");
  CHECK(ctl(folder, "explain --host example.com").find("one of --config and --policy is required") !=
        std::string::npos);
  CHECK(ctl(folder, "explain --config a --policy b --host example.com").ends_with("exit 2"));
}

TEST_CASE("config check of a policy, with its warnings") {
  const TemporaryFolder folder;
  folder.write("policy.yaml",
               std::string(policy_yaml) + "- {name: Block bank, match: {domains: [bank.example]}, action: block}\n");
  CHECK(ctl(folder, "config check policy.yaml") ==
        "warning: policy.yaml:9:3: realtime_policies[1]: does not block bank.example where the exception `Bank` "
        "(steering_configurations[0].exceptions[0]) lets it pass; remove the exception to block it\n"
        "policy.yaml: ok\nexit 0");
}

}  // namespace sluice::ctl
