#pragma once
// base::Endpoint <-> sockaddr, inside the network door.
#include <sys/socket.h>

#include <optional>
#include <vector>

#include "proxy/base/ip.h"

namespace sluice::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  static SocketAddress from(const base::Endpoint& endpoint);
  base::Endpoint endpoint() const;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Where a connection that the kernel redirected to us (nftables `redirect`) wanted to go; nothing, or where it went,
// for others.
std::optional<base::Endpoint> original_destination(int fd);

// Our end's address. Of a connection that came by `tproxy`: where it wanted to go.
std::optional<base::Endpoint> local_endpoint(int fd);

// Every address of this machine's interfaces.
std::vector<base::IpAddress> local_addresses();

}  // namespace sluice::net
