#pragma once
// Why a message is refused, of either version of HTTP.
#include <cstdint>
#include <string>

namespace sluice::http {

struct Problem {
  enum class Kind : uint8_t { kSyntax, kTooLarge, kAuthority, kTarget, kRules, kExpectation };
  Kind kind = Kind::kSyntax;
  std::string text;  // one clause, for a person
};

}  // namespace sluice::http
