#pragma once
// Why each rule matched or not, for people.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/policy/verdict.h"

namespace sluice::policy {

enum class Outcome : uint8_t {
  kMatch,
  kNoMatch,
  kNotYet,    // needs a fact that is not known yet
  kNever,     // needs a fact that will never be known
  kExpired,   // of a rule: its last day is over
  kSkipped,   // of a rule: the client cannot decide it; the PoP does
  kNotAsked,  // of a rule: an earlier one decided
};

struct ConditionTrace {
  std::string_view kind;  // "domains", "not_categories"; static
  Outcome outcome = Outcome::kNoMatch;
};

struct RuleTrace {
  Kind kind = Kind::kUnspecified;
  std::string name;
  std::string action;
  Outcome outcome = Outcome::kNoMatch;
  std::vector<ConditionTrace> conditions;  // none: the rule covers everything
};

}  // namespace sluice::policy
