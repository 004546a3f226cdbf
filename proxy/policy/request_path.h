#pragma once
// Paths of requests in the one spelling that policy compares.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// `raw` (path and query of a request) with percent-encoded unreserved characters decoded, other escapes in upper case,
// and dot segments removed (RFC 3986 section 6.2.2), so that `/a/%2e%2e/b` and `/b` are one path. Of the query only the
// escapes change. "" becomes "/". Normalising twice changes nothing.
std::string normalised_path(std::string_view raw);

// True when `prefix` covers `path`: equal to it, or its beginning up to a `/`, `?` or `&`.
bool path_covers(std::string_view prefix, std::string_view path);

// Many path prefixes, each with numbers. Filled by add(), then only read, by any number of threads.
class PathIndex {
 public:
  void add(std::string_view prefix, uint32_t value);
  bool empty() const { return values_.empty(); }

  // Calls visit(value, length of the prefix) for each that covers `path`, the shortest first.
  template <class Visit>
  void match(std::string_view path, Visit visit) const {
    for (const uint32_t size : sizes_) {
      if (size > path.size()) return;
      const std::string_view prefix = path.substr(0, size);
      if (!path_covers(prefix, path)) continue;
      const auto found = values_.find(prefix);
      if (found == values_.end()) continue;
      for (const uint32_t value : found->second) visit(value, size_t{size});
    }
  }

 private:
  std::map<std::string, std::vector<uint32_t>, std::less<>> values_;
  std::set<uint32_t> sizes_;  // of the prefixes: only there a path is cut and looked up
};

}  // namespace sluice::policy
