#pragma once
// The tenant's policy from its text to the compiled form that workers share.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/policy_config.h"
#include "proxy/policy/compile.h"

namespace sluice::pop {

// A policy that may come into force, and what goes with it.
struct PolicyInput {
  std::vector<config::PolicyText> texts;
  std::string folder;       // where relative file names start
  uint64_t generation = 1;  // counts the loads of this PoP; part of policy_version
  std::vector<policy::TimedBypass> timed;
};

// As the configuration names it.
base::Result<PolicyInput> read_policy(const std::string& path);

struct LoadedPolicy {
  std::shared_ptr<const policy::Policy> policy;
  std::shared_ptr<const config::v1::TenantPolicy> message;
  std::vector<std::string> warnings;  // `FILE:LINE:COLUMN: path: sentence`
};

// The error has one line for each problem.
base::Result<LoadedPolicy> load_policy(const PolicyInput& input);

}  // namespace sluice::pop
