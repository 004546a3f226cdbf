#include "proxy/flow/address_rules.h"

#include <algorithm>

namespace sluice::flow {

namespace {

struct Range {
  const char* cidr;
  const char* why;
};

// RFC 6890 special-purpose addresses, and the metadata service that lives outside them.
constexpr Range ranges[] = {
    {"0.0.0.0/8", "0.0.0.0/8 this network"},
    {"10.0.0.0/8", "10.0.0.0/8 private"},
    {"100.64.0.0/10", "100.64.0.0/10 carrier-grade NAT"},
    {"127.0.0.0/8", "127.0.0.0/8 loopback"},
    {"169.254.0.0/16", "169.254.0.0/16 link-local"},
    {"172.16.0.0/12", "172.16.0.0/12 private"},
    {"192.0.0.0/24", "192.0.0.0/24 protocol assignments"},
    {"192.168.0.0/16", "192.168.0.0/16 private"},
    {"198.18.0.0/15", "198.18.0.0/15 benchmarking"},
    {"224.0.0.0/4", "224.0.0.0/4 multicast"},
    {"240.0.0.0/4", "240.0.0.0/4 reserved"},
    {"168.63.129.16/32", "168.63.129.16 cloud metadata"},
    {"::1/128", "::1 loopback"},
    {"::/96", "::/96 IPv4-compatible"},  // covers ::
    {"64:ff9b::/96", "64:ff9b::/96 NAT64"},
    {"64:ff9b:1::/48", "64:ff9b:1::/48 local NAT64"},
    {"100::/64", "100::/64 discard"},
    {"2001::/32", "2001::/32 Teredo"},
    {"2002::/16", "2002::/16 6to4"},
    {"fc00::/7", "fc00::/7 unique local"},
    {"fe80::/10", "fe80::/10 link-local"},
    {"ff00::/8", "ff00::/8 multicast"},
};

struct ParsedRange {
  base::Cidr cidr;
  std::string_view why;
};

const std::vector<ParsedRange>& parsed_ranges() {
  static const std::vector<ParsedRange> parsed = [] {
    std::vector<ParsedRange> list;
    for (const Range& range : ranges) list.push_back({base::Cidr::parse(range.cidr).value(), range.why});
    return list;
  }();
  return parsed;
}

}  // namespace

AddressRules::AddressRules(std::vector<base::Cidr> allowed, std::vector<base::IpAddress> own)
    : allowed_(std::move(allowed)), own_(std::move(own)) {
  for (base::IpAddress& address : own_) address = address.unmapped();
  std::sort(own_.begin(), own_.end());
}

std::optional<std::string_view> AddressRules::prohibited(const base::IpAddress& dialled) const {
  const base::IpAddress address = dialled.unmapped();
  for (const base::Cidr& cidr : allowed_) {
    if (cidr.contains(address)) return std::nullopt;
  }
  if (std::binary_search(own_.begin(), own_.end(), address)) return "an address of this PoP";
  for (const ParsedRange& range : parsed_ranges()) {
    if (range.cidr.contains(address)) return range.why;
  }
  return std::nullopt;
}

}  // namespace sluice::flow
