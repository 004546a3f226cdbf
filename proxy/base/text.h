#pragma once
// Small text helpers for ASCII protocols: no locale anywhere.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::base {

inline char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string ascii_lower(std::string_view text);
bool equal_ignore_case(std::string_view a, std::string_view b);

// 16 lower-case hex digits.
std::string hex16(uint64_t value);
std::optional<uint64_t> parse_hex16(std::string_view text);

// Decimal digits only, whole text, no sign, no leading zero unless "0".
std::optional<uint64_t> parse_decimal(std::string_view text);

// The candidates nearest to `word` by edit distance, nearest first, at most `count`, none that is hopelessly far.
// For "did you mean" in errors about configuration keys, fields and commands.
std::vector<std::string> nearest_words(std::string_view word, const std::vector<std::string>& candidates,
                                       size_t count = 3);

// 64 random bits from the kernel.
uint64_t random_u64();

}  // namespace sluice::base
