#pragma once
// A UDP datagram in its IP packet, as the kernel shows it to who watches.
#include <optional>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"

namespace sluice::wire {

struct UdpPacket {
  base::Endpoint source;
  base::Endpoint destination;
  base::ByteView payload;  // into the packet; the end may be missing where only the beginning was shown
};

// From the first byte of the IP header. Nothing where it is no UDP, or a fragment behind the first; IPv6 extension
// headers are not followed.
std::optional<UdpPacket> parse_udp_packet(base::ByteView packet);

}  // namespace sluice::wire
