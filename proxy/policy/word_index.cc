#include "proxy/policy/word_index.h"

#include "proxy/base/text.h"

namespace sluice::policy {

size_t WordHash::operator()(std::string_view word) const {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : word) hash = (hash ^ static_cast<uint8_t>(base::ascii_lower(c))) * 0x100000001b3;
  return static_cast<size_t>(hash ^ (hash >> 32));
}

bool WordEqual::operator()(std::string_view a, std::string_view b) const {
  return base::equal_ignore_case(a, b);
}

}  // namespace sluice::policy
