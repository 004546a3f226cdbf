#pragma once
// Many host patterns, each with a number: which numbers does a host match? Costs one lookup per label of the host.
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/policy/host_key.h"
#include "proxy/policy/host_pattern.h"

namespace sluice::policy {

// Filled by add(), then finish()ed once, then only read, by any number of threads. Addresses are not its business.
class HostMatcher {
 public:
  void add(const HostPattern& pattern, uint32_t value);
  void finish();
  bool empty() const { return names_.empty() && building_.empty(); }

  // Calls visit(value, length of the pattern's name) for every pattern that matches, shortest name first.
  template <class Visit>
  void match(const HostKey& key, Visit visit) const {
    if (slots_.empty()) return;
    for (size_t i = 0; i < key.count(); ++i) {
      const Node* node = find(key.suffix(i), key.hash(i));
      if (node == nullptr) continue;
      const bool whole = i + 1 == key.count();
      for (const uint32_t value : values(node->tree)) visit(value, node->name_size);
      for (const uint32_t value : values(whole ? node->self : node->below)) visit(value, node->name_size);
    }
  }

 private:
  struct Range {
    uint32_t begin = 0;
    uint32_t count = 0;
  };
  struct Node {
    uint32_t name_at = 0;
    uint32_t name_size = 0;
    Range tree, self, below;
  };
  struct Slot {
    uint32_t tag = 0;
    uint32_t node = 0;  // index + 1; 0 = free
  };
  struct Building {
    std::vector<uint32_t> tree, self, below;
  };

  std::span<const uint32_t> values(Range range) const { return {values_.data() + range.begin, range.count}; }
  const Node* find(std::string_view name, uint64_t hash) const;
  Range keep(std::vector<uint32_t>& values);

  std::map<std::string, Building> building_;
  std::string names_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  std::vector<uint32_t> values_;
};

}  // namespace sluice::policy
