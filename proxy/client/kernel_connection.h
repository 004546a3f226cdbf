#pragma once
// What the kernel's connection tracking says of a UDP connection: who talks with whom, and how much. Netlink attributes
// in, values out, and back.
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"

namespace sluice::client {

struct KernelConnection {
  base::Endpoint source;  // who sent the first packet
  base::Endpoint destination;
  uint64_t sent_bytes = 0;  // by `source`, payload only; 0 where the kernel does not count
  uint64_t received_bytes = 0;
};

// Of a message of the kernel's table; nothing where it is no UDP.
std::optional<KernelConnection> parse_kernel_connection(base::ByteView attributes);
// The question for this connection.
std::vector<uint8_t> attributes_of_connection(const base::Endpoint& source, const base::Endpoint& destination);

// For what speaks netlink: appends an attribute; the value of one, empty where it is absent.
void add_netlink_attribute(std::vector<uint8_t>& to, uint16_t type, base::ByteView value);
base::ByteView netlink_attribute(base::ByteView attributes, uint16_t type);

}  // namespace sluice::client
