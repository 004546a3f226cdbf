#include "proxy/client/name_book.h"

#include <algorithm>

#include "proxy/client/limits.h"

namespace sluice::client {

void NameBook::learn(const wire::DnsAnswer& answer, base::Time now) {
  const base::Duration ttl =
      std::clamp(base::Duration(int64_t{answer.ttl_seconds} * 1'000), learned_name_min, learned_name_max);
  for (const base::IpAddress& address : answer.addresses) {
    if (names_.size() >= learned_names_max) make_room(now);
    names_[address.unmapped()] = {answer.name, now + ttl};
  }
}

std::string NameBook::name_of(const base::IpAddress& address, base::Time now) const {
  const auto found = names_.find(address.unmapped());
  return found == names_.end() || found->second.expires <= now ? std::string() : found->second.name;
}

void NameBook::make_room(base::Time now) {
  std::erase_if(names_, [now](const auto& item) { return item.second.expires <= now; });
  if (names_.size() >= learned_names_max) names_.erase(names_.begin());
}

}  // namespace sluice::client
