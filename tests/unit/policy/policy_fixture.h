#pragma once
// Policies of tests, written as YAML.
#include <catch2/catch.hpp>
#include <string>

#include "proxy/config/policy_config.h"
#include "proxy/policy/compile.h"
#include "proxy/tls/digest.h"

namespace sluice::policy::test {

inline std::string sha256_hex(std::string_view bytes) {
  return tls::sha256_hex({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// The compilation, or all problems as text, one located line each.
struct Attempt {
  std::shared_ptr<const Policy> policy;
  std::string errors;
  std::string warnings;
};

inline Attempt compiled(const std::string& yaml, uint64_t generation = 1) {
  Attempt attempt;
  const auto loaded = config::parse_policy_config("tenant: acme\n" + yaml, "policy.yaml");
  if (!loaded) {
    attempt.errors = loaded.error().message;
    return attempt;
  }
  const auto text_of = [&](const Findings& findings) {
    std::string text;
    for (const Finding& finding : findings) {
      text += (text.empty() ? "" : "\n") + loaded->located(finding.path, finding.sentence);
    }
    return text;
  };
  auto resources = load_resources(loaded->message, loaded->folder);
  if (!resources) {
    attempt.errors = text_of(resources.error());
    return attempt;
  }
  auto result = compile(loaded->message, *resources, {generation, sha256_hex});
  if (!result) {
    attempt.errors = text_of(result.error());
    return attempt;
  }
  attempt.policy = result->policy;
  attempt.warnings = text_of(result->warnings);
  return attempt;
}

inline std::shared_ptr<const Policy> policy_of(const std::string& yaml) {
  const Attempt attempt = compiled(yaml);
  INFO(attempt.errors);
  REQUIRE(attempt.policy != nullptr);
  return attempt.policy;
}

inline base::IpAddress ip(const char* text) {
  return base::IpAddress::parse(text).value();
}

// A TLS flow to a name, as the PoP knows it after the ClientHello.
inline Facts flow_to(std::string_view host) {
  Facts facts;
  facts.source = ip("192.0.2.7");
  facts.host = Fact<std::string_view>::of(host);
  facts.port = 443;
  facts.protocol = Protocol::kTls;
  return facts;
}

inline Facts from_process(Facts facts, std::string_view name, Platform platform = Platform::kLinux) {
  facts.has_client = true;
  facts.process = Fact<Process>::of({name, "", "", platform});
  return facts;
}

}  // namespace sluice::policy::test
