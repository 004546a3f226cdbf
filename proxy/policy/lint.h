#pragma once
// Rules that can never matter, found by comparing rules with earlier ones.
#include "proxy/policy/compile.h"

namespace sluice::policy {

struct Lints {
  Findings errors;    // a rule that an earlier one of its list hides completely
  Findings warnings;  // a block that an exception hides for some hosts
};

// Of a policy that compiles. Sound, not complete: what it reports is so, some hidden rules are not seen.
Lints lint(const config::v1::TenantPolicy& policy);

}  // namespace sluice::policy
