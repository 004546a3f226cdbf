#pragma once
// Where a search goes on: opaque text for the client. Bound to its query by a fingerprint; it grants nothing, so it is
// checked for form, not signed.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::store {

struct PageToken {
  uint64_t fingerprint = 0;
  uint64_t snapshot = 0;   // only records first known at or before this store offset
  int64_t before_key = 0;  // only records with a lower key
  bool operator==(const PageToken&) const = default;
};

// Three groups of 16 hex digits and a checksum.
std::string to_text(const PageToken& token);
std::optional<PageToken> parse_page_token(std::string_view text);

}  // namespace sluice::store
