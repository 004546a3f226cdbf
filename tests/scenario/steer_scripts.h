#pragma once
// What the scripts of a steering client's flow share: policies, the machine as an app of that name meets it, answers.
#include <optional>
#include <string>

#include "proxy/flow/steer_flow.h"
#include "tests/scenario/flow_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

using policy::Line;

inline SteerSettings settings_of(const std::string& policy, bool on_network) {
  SteerSettings made;
  made.client_name = "laptop-7";
  made.device = std::make_shared<const Device>(Device{"laptop-7", "", "", "", ""});
  made.policy = support::policy_of(policy);
  made.on_network = on_network;
  return made;
}

class Play : public support::BasicPlaybook<SteerFlow, SteerSettings> {
 public:
  Play(Mode mode, const std::string& policy, std::string process = "dropbox",
       std::optional<base::Endpoint> original = std::nullopt, bool on_network = false, const std::string& learned = "")
      : BasicPlaybook(mode, settings_of(policy, on_network), opened(original, learned), [&process](FlowRecord& record) {
          record.process_name = process;
          record.process_pid = 7;
          record.producer_id = 1;
          record.event_counter = 2;
        }) {}

  // The app's request for a name, whose address is found out first.
  Play& asks(const std::string& request, const char* address = "198.51.100.1") {
    received(Side::kClient, request);
    REQUIRE_FALSE(pending().empty());
    CHECK(pending().back().starts_with("resolve "));
    forget();
    in(Resolved{base::IpAddress::parse(address)});
    return *this;
  }

 private:
  static Opened opened(const std::optional<base::Endpoint>& original, const std::string& learned) {
    Opened input;
    input.learned_name = learned;
    input.original_destination = original;
    return input;
  }
};

inline std::string policy_with(const std::string& mode, const std::string& at, const std::string& fail = "open") {
  return "tenant: acme\nsteering_configurations:\n- name: default\n  bypass_exceptions_at: " + at +
         "\n  fail: " + fail +
         "\n  exceptions:\n"
         "  - {name: Dropbox, certificate_pinned_app: {app: Dropbox, mode: " +
         mode +
         "}}\n"
         "  - {name: Zoom, certificate_pinned_app: {app: Zoom, action: block}}\n"
         "  - {name: Bank, domains: [bank.example]}\n"
         "  - {name: Quiet, domains: [quiet.example], log: false}\n";
}

inline std::string announce(Line line) {
  return "announce " + std::to_string(static_cast<int>(line));
}

inline std::string connect_to(const std::string& host) {
  return "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n";
}

inline DialDone connected_to(const char* address) {
  return {.failure = CloseReason::kUnspecified, .address = *base::Endpoint::parse(address), .detail = {}};
}

inline std::string alert() {
  return "send client " + std::string(tls_access_denied());
}

}  // namespace sluice::flow::test
