#pragma once
// Compiled policies out of YAML, for tests.
#include <memory>
#include <stdexcept>
#include <string>

#include "proxy/base/chunk.h"
#include "proxy/config/policy_config.h"
#include "proxy/policy/compile.h"
#include "proxy/tls/digest.h"

namespace sluice::support {

inline std::shared_ptr<const policy::Policy> policy_of(const std::string& yaml, uint64_t generation = 1) {
  const auto loaded = config::parse_policy_config(yaml, "policy.yaml");
  if (!loaded) throw std::runtime_error(loaded.error().message);
  auto resources = policy::load_resources(loaded->message, loaded->folder);
  if (!resources) throw std::runtime_error(resources.error().at(0).sentence);
  const auto compiled = policy::compile(loaded->message, std::move(*resources),
                                        {.generation = generation, .sha256_hex = [](std::string_view bytes) {
                                           return tls::sha256_hex(base::as_bytes(bytes));
                                         }});
  if (!compiled) throw std::runtime_error(compiled.error().at(0).path + ": " + compiled.error().at(0).sentence);
  return compiled->policy;
}

}  // namespace sluice::support
