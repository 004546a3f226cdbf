#pragma once
// What the operator configured, as the core needs it: one immutable snapshot per listener, shared by its flows. A
// reload makes new snapshots; PolicyChanged hands them to the flows that are open.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/flow/record.h"
#include "proxy/policy/policy.h"

namespace sluice::flow {

struct Timeouts {
  base::Duration head{10'000};
  base::Duration client_hello{5'000};
  base::Duration idle{300'000};
  base::Duration half_open{300'000};
  base::Duration total{0};  // 0 = none

  base::Time total_end(base::Time started) const { return total.count() > 0 ? started + total : base::Time::max(); }
};

struct Settings {
  std::string pop_name;
  AccessMethod access_method = AccessMethod::kExplicitProxy;
  bool allow_any_source = false;  // a loopback listener without a list
  std::vector<base::Cidr> allow_sources;
  bool transparent = false;     // connections are turned over to us by the network
  bool authentication = false;  // user and password are required
  std::vector<uint16_t> allow_ports{443, 80};
  Timeouts timeouts;
  bool interception = false;                     // this PoP can decrypt
  std::shared_ptr<const policy::Policy> policy;  // null: what can be decrypted is, the rest is spliced

  bool source_allowed(const base::IpAddress& source) const;
  bool port_allowed(uint16_t port) const;
};

}  // namespace sluice::flow
