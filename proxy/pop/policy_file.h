#pragma once
// The tenant's policy from its file or folder to the compiled form that workers share.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/policy/policy.h"

namespace sluice::pop {

struct LoadedPolicy {
  std::shared_ptr<const policy::Policy> policy;
  std::vector<std::string> warnings;  // `FILE:LINE:COLUMN: path: sentence`
};

// `generation` counts the loads of this process; it is part of policy_version. The error has one line for each problem.
base::Result<LoadedPolicy> load_policy(const std::string& path, uint64_t generation);

}  // namespace sluice::pop
