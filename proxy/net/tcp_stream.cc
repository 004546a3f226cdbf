#include "proxy/net/tcp_stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/base/assert.h"
#include "proxy/net/address.h"

namespace sluice::net {

namespace {
void set_nodelay(int fd) {
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
}  // namespace

std::unique_ptr<TcpStream> TcpStream::adopt(Loop& loop, int fd, StreamHandler& handler) {
  auto stream = adopt(loop, fd);
  if (stream) stream->set_handler(handler);
  return stream;
}

std::unique_ptr<TcpStream> TcpStream::adopt(Loop& loop, int fd) {
  std::unique_ptr<TcpStream> stream(new TcpStream(loop, fd));
  set_nodelay(fd);
  // Writability is asked for only once a write blocks: a fresh socket would report it at once, for nothing.
  if (!loop.watch(fd, *stream, kReadable)) return nullptr;
  stream->writable_ = true;
  return stream;
}

std::unique_ptr<TcpStream> TcpStream::connect(Loop& loop, const base::Endpoint& to, StreamHandler& handler, int* error,
                                              uint32_t mark) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *error = errno;
    return nullptr;
  }
  std::unique_ptr<TcpStream> stream(new TcpStream(loop, fd));
  stream->set_handler(handler);
  set_nodelay(fd);
  if (mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
    *error = errno;
    return nullptr;
  }
  const SocketAddress address = SocketAddress::from(to);
  if (::connect(fd, address.get(), address.length) < 0 && errno != EINPROGRESS) {
    *error = errno;
    return nullptr;
  }
  if (!loop.watch(fd, *stream, kReadable | kWritable)) {
    *error = errno;
    return nullptr;
  }
  stream->watching_writable_ = true;
  *error = 0;
  return stream;
}

TcpStream::~TcpStream() {
  loop_.unwatch(*this);
  ::close(fd_);
}

int TcpStream::connect_error() {
  if (!hung_up_) return 0;
  int error = 0;
  socklen_t length = sizeof error;
  (void)getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

void TcpStream::on_poll(uint32_t readiness) {
  if (readiness & kReadable) readable_ = true;
  if (readiness & kWritable) writable_ = true;
  if (readiness & kHangup) hung_up_ = true;
  changed();
}

IoResult TcpStream::read(std::span<uint8_t> into) {
  const ssize_t count = recv(fd_, into.data(), into.size(), 0);
  if (count > 0) {
    // A short read empties the queue (epoll(7)); only an end that was already reported is still to be fetched.
    if (static_cast<size_t>(count) < into.size() && !hung_up_) readable_ = false;
    return {IoResult::Kind::kMoved, static_cast<size_t>(count), 0};
  }
  if (count == 0) {
    readable_ = false;
    return {IoResult::Kind::kEnded, 0, 0};
  }
  readable_ = false;
  if (errno == EAGAIN || errno == EINTR) return {};
  return {IoResult::Kind::kReset, 0, errno};
}

IoResult TcpStream::blocked_write() {
  writable_ = false;
  if (!watching_writable_) {
    // Level of an edge: if room appeared meanwhile, changing the registration reports it.
    watching_writable_ = loop_.rewatch(fd_, *this, kReadable | kWritable);
  }
  return {};
}

IoResult TcpStream::after_write(int64_t result, size_t wanted) {
  if (result < 0) {
    if (errno == EAGAIN || errno == EINTR) return blocked_write();
    writable_ = false;
    return {IoResult::Kind::kReset, 0, errno};
  }
  if (static_cast<size_t>(result) < wanted) (void)blocked_write();
  return {IoResult::Kind::kMoved, static_cast<size_t>(result), 0};
}

IoResult TcpStream::write(base::ByteView bytes) {
  return after_write(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size());
}

IoResult TcpStream::splice_to_pipe(int pipe_fd, size_t bytes_max) {
  const ssize_t count = splice(fd_, nullptr, pipe_fd, nullptr, bytes_max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (count > 0) return {IoResult::Kind::kMoved, static_cast<size_t>(count), 0};
  readable_ = false;
  if (count == 0) return {IoResult::Kind::kEnded, 0, 0};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {IoResult::Kind::kReset, 0, errno};
}

IoResult TcpStream::splice_from_pipe(int pipe_fd, size_t bytes_max) {
  const ssize_t count = splice(pipe_fd, nullptr, fd_, nullptr, bytes_max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  return after_write(count, bytes_max);
}

void TcpStream::shutdown_write() {
  (void)::shutdown(fd_, SHUT_WR);
}

void TcpStream::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<base::Endpoint> TcpStream::local() const {
  return local_endpoint(fd_);
}

}  // namespace sluice::net
