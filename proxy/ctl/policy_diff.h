#pragma once
// What changes between two policies, rule by rule, for people.
#include <string>

#include "sluice/config/v1/policy.pb.h"

namespace sluice::ctl {

// Rules and lists are told apart by name: `+` new, `-` gone, `~` changed with what is gone and new in it, `>` moved in
// its order. "" when nothing changes.
std::string policy_diff(const config::v1::TenantPolicy& from, const config::v1::TenantPolicy& to, bool colour);

}  // namespace sluice::ctl
