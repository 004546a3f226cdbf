#pragma once
// AddressRules: which addresses may be dialled. Looked at for the address that is dialled, after every resolution, so
// that neither a name, nor rebinding, nor an odd spelling reaches the inside of the network.
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"

namespace sluice::flow {

class AddressRules {
 public:
  // `allowed`: exempt from everything below. `own`: addresses of this machine and its public ones; never dialled.
  AddressRules(std::vector<base::Cidr> allowed, std::vector<base::IpAddress> own);
  AddressRules() : AddressRules({}, {}) {}

  // Why `address` must not be dialled (a static string, e.g. "10.0.0.0/8 private"), or nothing.
  std::optional<std::string_view> prohibited(const base::IpAddress& address) const;

 private:
  std::vector<base::Cidr> allowed_;
  std::vector<base::IpAddress> own_;
};

}  // namespace sluice::flow
