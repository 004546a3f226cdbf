#include "proxy/net/address.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace sluice::net {

namespace {
// Of linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h, which clash with netinet/in.h.
constexpr int so_original_dst = 80;
}  // namespace

SocketAddress SocketAddress::from(const base::Endpoint& endpoint) {
  SocketAddress address;
  if (endpoint.address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    in.sin_addr.s_addr = htonl(endpoint.address.v4_host_order());
    std::memcpy(&address.storage, &in, sizeof in);
    address.length = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(endpoint.port);
    std::memcpy(&in.sin6_addr, endpoint.address.bytes().data(), 16);
    std::memcpy(&address.storage, &in, sizeof in);
    address.length = sizeof in;
  }
  return address;
}

base::Endpoint SocketAddress::endpoint() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return {base::IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &storage, sizeof in);
  std::array<uint8_t, 16> bytes{};
  std::copy_n(in.sin6_addr.s6_addr, 16, bytes.begin());
  // A dual-stack listener shows IPv4 peers as mapped; every rule about addresses wants the real one.
  return {base::IpAddress::v6(bytes).unmapped(), ntohs(in.sin6_port)};
}

std::optional<base::Endpoint> original_destination(int fd) {
  SocketAddress address;
  // IPv4 first: IPv6 sockets with mapped addresses answer there too.
  if (getsockopt(fd, SOL_IP, so_original_dst, address.get(), &address.length) == 0) return address.endpoint();
  address.length = sizeof address.storage;
  if (getsockopt(fd, SOL_IPV6, so_original_dst, address.get(), &address.length) == 0) return address.endpoint();
  return std::nullopt;
}

std::optional<base::Endpoint> local_endpoint(int fd) {
  SocketAddress address;
  if (getsockname(fd, address.get(), &address.length) != 0) return std::nullopt;
  return address.endpoint();
}

std::vector<base::IpAddress> local_addresses() {
  std::vector<base::IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* item = list; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr) continue;
    const int family = item->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SocketAddress address;
    address.length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(&address.storage, item->ifa_addr, address.length);
    addresses.push_back(address.endpoint().address);
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace sluice::net
