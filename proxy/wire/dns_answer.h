#pragma once
// What a DNS answer says of one name: the addresses behind it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"

namespace sluice::wire {

struct DnsAnswer {
  std::string name;  // that was asked for: lower-case A-labels without the trailing dot
  std::vector<base::IpAddress> addresses;
  uint32_t ttl_seconds = 0;  // the shortest of those addresses
};

// A whole message of DNS (RFC 1035) without length prefix. Nothing where it is no successful answer with an address to
// one question for addresses, or is damaged. Aliases on the way are followed by their place in the message, as
// resolvers put them: every address in the answer section is the name's.
std::optional<DnsAnswer> parse_dns_answer(base::ByteView message);

}  // namespace sluice::wire
