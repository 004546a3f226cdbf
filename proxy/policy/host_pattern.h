#pragma once
// One entry of a list of names: the one rule by which every list of the product matches hosts.
//   example.com     itself and every subdomain, on label borders
//   =example.com    only itself
//   *.example.com   only its subdomains
//   192.0.2.1, 192.0.2.0/24, 2001:db8::/32   flows whose host is an address, never names that resolve to it
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::policy {

struct HostPattern {
  enum class Scope : uint8_t { kTree, kSelf, kBelow };
  Scope scope = Scope::kTree;
  std::string name;                   // lower-case A-labels without trailing dot; "" for an address
  std::optional<base::Cidr> network;  // of an address or network
  std::string to_string() const;
  bool operator==(const HostPattern&) const = default;
};

// The error is a clause that says what is wrong and what would be right.
base::Result<HostPattern> parse_host_pattern(std::string_view text);

// True when everything that `narrow` matches is matched by `broad` as well.
bool covers(const HostPattern& broad, const HostPattern& narrow);
// By definition, without an index: the measure of HostMatcher in tests.
bool matches(const HostPattern& pattern, std::string_view host);

}  // namespace sluice::policy
