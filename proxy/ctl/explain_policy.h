#pragma once
// The part of `sluicectl explain` that is about a tenant's policy: every rule in order, and the verdict.
#include <string>

#include "proxy/explain/explain.h"

namespace sluice::ctl {

struct PolicyQuestion {
  std::string policy;  // file or folder
  explain::Question flow;
};

// Prints; the result is the program's exit code.
int explain_policy(const PolicyQuestion& question);

}  // namespace sluice::ctl
