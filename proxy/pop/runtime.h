#pragma once
// Runtime: what workers obey of the configuration, as immutable snapshots. Made at start and at every reload.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/drive/dialer.h"
#include "proxy/drive/tunnel_server.h"
#include "proxy/flow/settings.h"
#include "proxy/policy/policy.h"
#include "proxy/tls/password.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::pop {

struct ListenerRuntime {
  std::shared_ptr<const flow::Settings> settings;
  std::shared_ptr<const tls::Passwords> passwords;      // null: no authentication
  std::shared_ptr<const drive::TunnelSettings> tunnel;  // null: a plain listener
};

struct Runtime {
  std::vector<ListenerRuntime> listeners;  // as in the configuration
  std::shared_ptr<const drive::DialSettings> dial;
  std::shared_ptr<const policy::Policy> policy;  // null: none is configured
  std::vector<std::string> warnings;             // about the policy, for the operator
  uint32_t flows_max = 0;                        // of the process
  uint32_t flows_per_source_max = 0;             // of the process; 0 = no limit
};

// `checked` is a loaded configuration. Fails when a file it names cannot be used.
// `generation` counts the loads of this process.
base::Result<std::shared_ptr<const Runtime>> make_runtime(const config::v1::Proxy& checked, uint64_t generation);

}  // namespace sluice::pop
