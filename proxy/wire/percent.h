#pragma once
// Percent-encoding (RFC 3986 section 2.1) of texts that travel in header fields.
#include <optional>
#include <string>
#include <string_view>

namespace sluice::wire {

// Letters, digits and -._~ stay, every other byte becomes %XX.
std::string percent_encode(std::string_view text);
// Nothing when a % is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

// Well-formed UTF-8 without control characters.
bool is_clean_utf8(std::string_view text);

}  // namespace sluice::wire
