#include "proxy/net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/net/address.h"

namespace sluice::net {

base::Result<std::unique_ptr<Listener>> Listener::listen(Loop& loop, const base::Endpoint& address, OnAccept on_accept,
                                                         Kind kind) {
  const auto failed = [&](const char* what) {
    return base::Error{"cannot listen on " + address.to_string() + ": " + what + ": " + std::strerror(errno)};
  };
  const int family = address.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  const int on = 1;
  if (kind == Kind::kTransparent) {
    const bool v4 = family == AF_INET;
    (void)setsockopt(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on);
  }
  SocketAddress bound = SocketAddress::from(address);
  const char* step = nullptr;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    step = "setsockopt";
  } else if (bind(fd, bound.get(), bound.length) != 0) {
    step = "bind";
  } else if (::listen(fd, listen_backlog) != 0) {
    step = "listen";
  } else if (bound.length = sizeof bound.storage; getsockname(fd, bound.get(), &bound.length) != 0) {
    step = "getsockname";
  }
  if (step != nullptr) {
    const base::Error error = failed(step);
    ::close(fd);
    return error;
  }
  std::unique_ptr<Listener> listener(new Listener(loop, fd, bound.endpoint(), std::move(on_accept)));
  if (!loop.watch(fd, *listener, kReadable, Loop::Trigger::kLevel)) return failed("epoll_ctl");
  return listener;
}

Listener::~Listener() {
  loop_.unwatch(*this);
  ::close(fd_);
}

void Listener::on_poll(uint32_t) {
  for (int i = 0; i < accepts_per_turn_max; ++i) {
    SocketAddress peer;
    const int fd = accept4(fd_, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(fd, peer.endpoint());
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The queue stays readable: stop looking for a moment instead of spinning.
      (void)loop_.rewatch(fd_, *this, 0, Loop::Trigger::kLevel);
      loop_.timers().arm(*this, loop_.now() + accept_pause);
    }
    if (errno != ECONNABORTED && errno != EINTR) return;
  }
}

void Listener::on_timer() {
  (void)loop_.rewatch(fd_, *this, kReadable, Loop::Trigger::kLevel);
}

}  // namespace sluice::net
