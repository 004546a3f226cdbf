#pragma once
// Why a PoP refused a flow, as the field `sluice-reason` of its answer through a tunnel:
//
//   sluice-reason: policy_block; policy=Block%20apps
//
// The word is the close reason of the PoP's event; the policy, percent-encoded UTF-8, is the rule that decided.
#include <optional>
#include <string>
#include <string_view>

#include "proxy/flow/record.h"

namespace sluice::flow {

struct Reason {
  CloseReason close_reason = CloseReason::kUnspecified;
  std::string policy;
};

// As events and their queries name it: "policy_block".
std::string_view word_of(CloseReason reason);

std::string format_reason(CloseReason reason, std::string_view policy);
// Nothing when the word is unknown or the policy is no text.
std::optional<Reason> parse_reason(std::string_view value);

}  // namespace sluice::flow
