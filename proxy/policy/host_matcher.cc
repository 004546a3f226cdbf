#include "proxy/policy/host_matcher.h"

#include <algorithm>
#include <bit>

namespace sluice::policy {

void HostMatcher::add(const HostPattern& pattern, uint32_t value) {
  Building& building = building_[pattern.name];
  switch (pattern.scope) {
    case HostPattern::Scope::kTree: building.tree.push_back(value); break;
    case HostPattern::Scope::kSelf: building.self.push_back(value); break;
    case HostPattern::Scope::kBelow: building.below.push_back(value); break;
  }
}

HostMatcher::Range HostMatcher::keep(std::vector<uint32_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const Range range{static_cast<uint32_t>(values_.size()), static_cast<uint32_t>(values.size())};
  values_.insert(values_.end(), values.begin(), values.end());
  return range;
}

void HostMatcher::finish() {
  if (building_.empty()) return;
  slots_.assign(std::bit_ceil(2 * building_.size()), Slot{});
  nodes_.reserve(building_.size());
  for (auto& [name, building] : building_) {
    Node node;
    node.name_at = static_cast<uint32_t>(names_.size());
    node.name_size = static_cast<uint32_t>(name.size());
    names_ += name;
    node.tree = keep(building.tree);
    node.self = keep(building.self);
    node.below = keep(building.below);
    nodes_.push_back(node);
    const uint64_t hash = hash_of_name(name);
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].node != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(nodes_.size())};
  }
  building_.clear();
}

const HostMatcher::Node* HostMatcher::find(std::string_view name, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask; slots_[at].node != 0; at = (at + 1) & mask) {
    if (slots_[at].tag != tag) continue;
    const Node& node = nodes_[slots_[at].node - 1];
    if (std::string_view(names_).substr(node.name_at, node.name_size) == name) return &node;
  }
  return nullptr;
}

}  // namespace sluice::policy
