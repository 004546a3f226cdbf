#include "proxy/client/kernel_connection.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::client {

namespace {

constexpr uint64_t udp_head_bytes = 8;
constexpr uint64_t ipv4_head_bytes = 20;  // without options
constexpr uint64_t ipv6_head_bytes = 40;  // likewise

template <class T>
base::ByteView bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

// Big-endian, as wide as the attribute is.
uint64_t number(base::ByteView bytes) {
  uint64_t value = 0;
  for (const uint8_t byte : bytes.first(std::min(bytes.size(), sizeof value))) value = value << 8 | byte;
  return value;
}

std::optional<base::IpAddress> address(base::ByteView ip, uint16_t v4, uint16_t v6) {
  const base::ByteView four = netlink_attribute(ip, v4);
  const base::ByteView sixteen = netlink_attribute(ip, v6);
  if (four.size() == 4) return base::IpAddress::v4(static_cast<uint32_t>(number(four)));
  if (sixteen.size() != 16) return std::nullopt;
  std::array<uint8_t, 16> bytes;
  std::copy(sixteen.begin(), sixteen.end(), bytes.begin());
  return base::IpAddress::v6(bytes);
}

// The kernel counts whole packets.
uint64_t payload(base::ByteView counters, bool is_v4) {
  const uint64_t heads = udp_head_bytes + (is_v4 ? ipv4_head_bytes : ipv6_head_bytes);
  const uint64_t bytes = number(netlink_attribute(counters, CTA_COUNTERS_BYTES));
  const uint64_t packets = number(netlink_attribute(counters, CTA_COUNTERS_PACKETS));
  return bytes - std::min(bytes, packets * heads);
}

}  // namespace

void add_netlink_attribute(std::vector<uint8_t>& to, uint16_t type, base::ByteView value) {
  const nlattr head{static_cast<uint16_t>(NLA_HDRLEN + value.size()), type};
  const base::ByteView head_bytes = bytes_of(head);
  to.insert(to.end(), head_bytes.begin(), head_bytes.end());
  to.insert(to.end(), value.begin(), value.end());
  to.resize(NLA_ALIGN(to.size()));
}

base::ByteView netlink_attribute(base::ByteView attributes, uint16_t type) {
  while (attributes.size() >= NLA_HDRLEN) {
    nlattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > attributes.size()) return {};
    if ((head.nla_type & NLA_TYPE_MASK) == type) return attributes.subspan(NLA_HDRLEN, head.nla_len - NLA_HDRLEN);
    attributes = attributes.subspan(std::min<size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return {};
}

std::optional<KernelConnection> parse_kernel_connection(base::ByteView attributes) {
  const base::ByteView tuple = netlink_attribute(attributes, CTA_TUPLE_ORIG);
  const base::ByteView ip = netlink_attribute(tuple, CTA_TUPLE_IP);
  const base::ByteView ports = netlink_attribute(tuple, CTA_TUPLE_PROTO);
  const auto source = address(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  const auto destination = address(ip, CTA_IP_V4_DST, CTA_IP_V6_DST);
  if (!source || !destination || number(netlink_attribute(ports, CTA_PROTO_NUM)) != IPPROTO_UDP) return std::nullopt;
  KernelConnection connection;
  connection.source = {*source, static_cast<uint16_t>(number(netlink_attribute(ports, CTA_PROTO_SRC_PORT)))};
  connection.destination = {*destination, static_cast<uint16_t>(number(netlink_attribute(ports, CTA_PROTO_DST_PORT)))};
  connection.sent_bytes = payload(netlink_attribute(attributes, CTA_COUNTERS_ORIG), source->is_v4());
  connection.received_bytes = payload(netlink_attribute(attributes, CTA_COUNTERS_REPLY), source->is_v4());
  return connection;
}

std::vector<uint8_t> attributes_of_connection(const base::Endpoint& source, const base::Endpoint& destination) {
  const auto add_nested = [](std::vector<uint8_t>& to, uint16_t type, const std::vector<uint8_t>& value) {
    add_netlink_attribute(to, static_cast<uint16_t>(type | NLA_F_NESTED), value);
  };
  const bool is_v4 = source.address.is_v4();
  const size_t bytes = is_v4 ? 4 : 16;
  std::vector<uint8_t> ip, ports, tuple, all;
  add_netlink_attribute(ip, is_v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, base::ByteView(source.address.bytes()).first(bytes));
  add_netlink_attribute(ip, is_v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST,
                        base::ByteView(destination.address.bytes()).first(bytes));
  const uint8_t protocol = IPPROTO_UDP;
  add_netlink_attribute(ports, CTA_PROTO_NUM, bytes_of(protocol));
  add_netlink_attribute(ports, CTA_PROTO_SRC_PORT, bytes_of(htons(source.port)));
  add_netlink_attribute(ports, CTA_PROTO_DST_PORT, bytes_of(htons(destination.port)));
  add_nested(tuple, CTA_TUPLE_IP, ip);
  add_nested(tuple, CTA_TUPLE_PROTO, ports);
  add_nested(all, CTA_TUPLE_ORIG, tuple);
  return all;
}

}  // namespace sluice::client
