#pragma once
// Many networks, each with a number: which numbers does an address match? Costs one lookup per distinct prefix length.
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "proxy/base/ip.h"

namespace sluice::policy {

// The first `prefix` bits of an address, the others zero.
base::IpAddress network_of(const base::IpAddress& address, int prefix);

// Filled by add(), then only read, by any number of threads. IPv4-mapped addresses match as IPv4.
class AddressMatcher {
 public:
  void add(const base::Cidr& network, uint32_t value);
  bool empty() const { return groups_.empty(); }

  template <class Visit>
  void match(const base::IpAddress& address, Visit visit) const {
    const base::IpAddress plain = address.unmapped();
    for (const Group& group : groups_) {
      if (group.v4 != plain.is_v4()) continue;
      const auto found = group.networks.find(network_of(plain, group.prefix));
      if (found == group.networks.end()) continue;
      for (const uint32_t value : found->second) visit(value);
    }
  }

 private:
  struct Hash {
    size_t operator()(const base::IpAddress& address) const;
  };
  struct Group {
    bool v4;
    int prefix;
    std::unordered_map<base::IpAddress, std::vector<uint32_t>, Hash> networks;
  };
  std::vector<Group> groups_;
};

}  // namespace sluice::policy
