#pragma once
// A tenant's policy from its files, compiled, with every problem told at its place.
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/policy_config.h"
#include "proxy/policy/policy.h"

namespace sluice::ctl {

struct CompiledPolicy {
  config::LoadedPolicy source;
  std::shared_ptr<const policy::Policy> policy;
  std::vector<std::string> warnings;  // `FILE:LINE:COLUMN: field.path: sentence`
};

// The error holds one line for each problem.
base::Result<CompiledPolicy> load_policy(const std::string& path);

}  // namespace sluice::ctl
