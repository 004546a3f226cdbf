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
#include "proxy/pop/interception_parts.h"
#include "proxy/pop/introducer.h"
#include "proxy/pop/policy_file.h"
#include "proxy/report/page_assembler.h"
#include "proxy/tls/password.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::pop {

struct ListenerRuntime {
  std::shared_ptr<const flow::Settings> settings;
  std::shared_ptr<const tls::Passwords> passwords;      // null: no authentication
  std::shared_ptr<const drive::TunnelSettings> tunnel;  // null: a plain listener
  std::shared_ptr<const Introduction> introduction;     // null: clients connect themselves
};

struct Runtime {
  std::vector<ListenerRuntime> listeners;  // as in the configuration
  std::shared_ptr<const drive::DialSettings> dial;
  report::PageAssembler::Times pages;
  InterceptionPartsPtr interception;                               // null: nothing is decrypted
  std::shared_ptr<const policy::Policy> policy;                    // null: none is configured
  std::shared_ptr<const config::v1::TenantPolicy> policy_message;  // that it was made of
  std::vector<std::string> warnings;                               // about the policy, for the operator
  uint32_t flows_max = 0;                                          // of the process
  uint32_t flows_per_source_max = 0;                               // of the process; 0 = no limit
};

// `checked` is a loaded configuration. Fails when a file it names cannot be used.
// `policy` is null when none is configured.
base::Result<std::shared_ptr<const Runtime>> make_runtime(const config::v1::Proxy& checked, const PolicyInput* policy,
                                                          InterceptionPartsPtr interception);

// Whether the programs would start with it: what make_runtime() would say with the policy as configured.
base::Status check(const config::v1::Proxy& checked);

}  // namespace sluice::pop
