#pragma once
// Base64 (RFC 4648 section 4), strict.
#include <optional>
#include <string>
#include <string_view>

namespace sluice::wire {
// Nothing unless the text is canonical: whole groups of four, padding only at the end, unused bits zero, no blanks.
std::optional<std::string> decode_base64(std::string_view text);
}  // namespace sluice::wire
