#pragma once
// Runtime: what the client's worker obeys of configuration and policy, as one immutable snapshot. Made at start and at
// every reload.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/drive/dialer.h"
#include "proxy/flow/steer_flow_context.h"
#include "sluice/config/v1/client.pb.h"
#include "sluice/config/v1/policy.pb.h"

namespace sluice::client {

struct Runtime {
  std::shared_ptr<const flow::SteerSettings> steering;
  std::shared_ptr<const drive::DialSettings> dial;
  std::vector<std::string> warnings;  // about the policy, for the operator
  uint32_t flows_max = 0;
  std::vector<std::string> spared_networks;  // of exceptions by destination: their UDP 443 passes
};

struct LoadedPolicy {
  std::shared_ptr<const policy::Policy> policy;
  config::v1::TenantPolicy message;
  std::vector<std::string> warnings;  // `FILE:LINE:COLUMN: path: sentence`
};

// `generation` counts the loads; it is part of policy_version. The error has one line for each problem.
base::Result<LoadedPolicy> load_policy(const std::string& path, uint64_t generation);

// What a client obeys before it has ever had a policy: the defaults of a steering configuration. Web traffic goes
// through the tunnel, where the PoP's policy holds, exceptions included; without one it passes and is recorded.
LoadedPolicy no_policy(const std::string& tenant);

// `checked` is a loaded configuration.
std::shared_ptr<const Runtime> make_runtime(const config::v1::Client& checked, LoadedPolicy policy);

}  // namespace sluice::client
