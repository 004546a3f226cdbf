#pragma once
// The page that a person sees instead of a blocked site. It runs in the origin's context: everything is escaped, no
// script, no cookie, nothing loaded from anywhere.
#include <string_view>

#include "proxy/flow/own_answer.h"
#include "proxy/flow/record.h"
#include "proxy/policy/verdict.h"

namespace sluice::flow {

// A 403. `accept`: the client's Accept; JSON for those who ask for it and not for HTML.
OwnAnswer block_page(const FlowRecord& record, const policy::Notice* notice, std::string_view pop_name,
                     std::string_view accept);

}  // namespace sluice::flow
