#pragma once
// base::Endpoint <-> sockaddr, inside the network door.
#include <sys/socket.h>

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

}  // namespace sluice::net
