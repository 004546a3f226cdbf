#pragma once
// Parts of a decision that PoP, client and explain share.
#include <string_view>

#include "proxy/policy/compiled.h"
#include "proxy/policy/flow_view.h"

namespace sluice::policy {

FlowView flow_view(const Compiled& policy, const Facts& facts);
// Lists and categories of the flow's host, and of its path as far as that is known.
Tags tags_of(const Compiled& policy, const FlowView& flow, const Fact<std::string_view>& path);
const Steering& steering_of(const Compiled& policy, std::string_view user, const Identity* identity);
const Steering& steering_of(const Compiled& policy, const Facts& facts, const FlowView& flow);
// The facts as a client sees them: what is not known yet never will be.
Facts facts_at_client(const Facts& facts);

}  // namespace sluice::policy
