#include "events/ingest/bind_reason.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::ingest {
namespace {

std::string try_bind(int family, const void* address, size_t bytes) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  std::string reason;
  const int on = 1;
  if (family != AF_UNIX) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, static_cast<const sockaddr*>(address), static_cast<socklen_t>(bytes)) != 0 || ::listen(fd, 1) != 0) {
    reason = std::strerror(errno);
  }
  ::close(fd);
  return reason;
}
}  // namespace

std::string bind_reason(const base::Endpoint& address) {
  const auto& bytes = address.address.bytes();
  if (address.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
    return try_bind(AF_INET, &v4, sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
  return try_bind(AF_INET6, &v6, sizeof v6);
}

std::string bind_reason(const std::string& socket_path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof local.sun_path) return "the name is too long for a unix socket";
  std::copy(socket_path.begin(), socket_path.end(), local.sun_path);
  std::string reason = try_bind(AF_UNIX, &local, sizeof local);
  if (reason.empty()) ::unlink(socket_path.c_str());
  return reason;
}

}  // namespace sluice::ingest
