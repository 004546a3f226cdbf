#pragma once
// What one client is told of a tenant's policy: its steering configuration and the lists that this uses, nothing else.
#include <string_view>

#include "proxy/policy/word_index.h"
#include "sluice/config/v1/policy.pb.h"

namespace sluice::policy {

// Which exceptions a client can decide: it has URL lists and apps, but neither category database nor countries. The
// others are the PoP's. Borrows nothing.
class ClientReach {
 public:
  explicit ClientReach(const config::v1::TenantPolicy& policy);
  bool decides(const config::v1::Exception& exception) const;

 private:
  WordMap<bool> by_lists_;  // custom categories: made of URL lists only
};

// A policy that compiles by itself on any client: the named steering configuration (Policy::steering_configuration) as
// its only one, without the exceptions that the PoP decides, with every app and list that it refers to. No real-time
// or SSL rules, no directory, no remarks of administrators.
config::v1::TenantPolicy client_policy(const config::v1::TenantPolicy& policy, std::string_view configuration);

}  // namespace sluice::policy
