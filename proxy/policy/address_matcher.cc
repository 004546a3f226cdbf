#include "proxy/policy/address_matcher.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::policy {

base::IpAddress network_of(const base::IpAddress& address, int prefix) {
  std::array<uint8_t, 16> bytes = address.bytes();
  const size_t size = address.is_v4() ? 4 : 16;
  for (size_t i = 0; i < size; ++i) {
    const int bits = std::clamp(prefix - static_cast<int>(8 * i), 0, 8);
    bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff << (8 - bits)));
  }
  if (!address.is_v4()) return base::IpAddress::v6(bytes);
  return base::IpAddress::v4(std::array<uint8_t, 4>{bytes[0], bytes[1], bytes[2], bytes[3]});
}

size_t AddressMatcher::Hash::operator()(const base::IpAddress& address) const {
  std::array<uint64_t, 2> halves{};
  std::memcpy(halves.data(), address.bytes().data(), sizeof halves);
  const uint64_t mixed = (halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;
  return static_cast<size_t>(mixed ^ (mixed >> 32));
}

void AddressMatcher::add(const base::Cidr& network, uint32_t value) {
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
    return g.v4 == network.network().is_v4() && g.prefix == network.prefix();
  });
  if (group == groups_.end())
    group = groups_.insert(groups_.end(), Group{network.network().is_v4(), network.prefix(), {}});
  group->networks[network.network()].push_back(value);
}

}  // namespace sluice::policy
