#include "tests/bench/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::bench {
namespace {

constexpr int listen_backlog = 4096;  // bursts of a load generator must not wait for SYN retries

sockaddr_in address_of(const base::Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(endpoint.address.v4_host_order());
  address.sin_port = htons(endpoint.port);
  return address;
}

void set_no_delay(const Fd& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

base::Endpoint loopback(const std::string& text) {
  const auto endpoint = base::Endpoint::parse(text);
  if (!endpoint || !endpoint->address.is_v4() || endpoint->address.v4_host_order() >> 24 != 127) {
    std::fprintf(stderr, "'%s' is not an address like 127.0.0.1:8080; only the loopback network is used\n",
                 text.c_str());
    std::exit(2);
  }
  return *endpoint;
}

Fd listen_on(const base::Endpoint& endpoint) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  set_no_delay(listener);
  const sockaddr_in address = address_of(endpoint);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), listen_backlog) != 0) {
    fail("cannot listen on " + endpoint.to_string());
  }
  return listener;
}

base::Endpoint endpoint_of(const Fd& listener) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) fail("getsockname");
  return {base::IpAddress::v4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
}

Fd accept_one(const Fd& listener) {
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Fd dial(const base::Endpoint& endpoint) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  set_no_delay(socket);
  const sockaddr_in address = address_of(endpoint);
  const int done = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (done != 0 && errno != EINPROGRESS) return {};
  return socket;
}

int socket_error(const Fd& socket) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) fail("epoll_create1");
}

void Poller::add(const Fd& fd, uint32_t events, void* owner) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = owner;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) fail("epoll_ctl");
}

std::span<const epoll_event> Poller::wait(int timeout_ms) {
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  if (count < 0 && errno != EINTR) fail("epoll_wait");
  return {events_.data(), static_cast<size_t>(count < 0 ? 0 : count)};
}

}  // namespace sluice::bench
