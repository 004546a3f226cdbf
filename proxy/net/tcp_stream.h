#pragma once
// TcpStream: one non-blocking TCP socket, edge-triggered: it remembers whether the kernel last said "readable" or
// "writable", so that a pause and a resume cost no system call. Owned by one object; belongs to one loop.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

namespace sluice::net {

class TcpStream final : public Stream, private PollTarget {
 public:
  // Takes an accepted descriptor; null when it cannot be watched (it is closed then).
  static std::unique_ptr<TcpStream> adopt(Loop& loop, int fd, StreamHandler& handler);
  // As above; who takes it sets its handler before the loop goes on.
  static std::unique_ptr<TcpStream> adopt(Loop& loop, int fd);
  // Starts a connection, marked for the kernel's packet filter unless `mark` is 0; `error` gets errno when it fails at
  // once. Established when writable() and connect_error() == 0.
  static std::unique_ptr<TcpStream> connect(Loop& loop, const base::Endpoint& to, StreamHandler& handler, int* error,
                                            uint32_t mark = 0);
  ~TcpStream() override;  // closes

  bool hung_up() const { return hung_up_; }
  int fd() const { return fd_; }
  // SO_ERROR if the kernel reported one, else 0.
  int connect_error();

  IoResult read(std::span<uint8_t> into) override;
  IoResult write(base::ByteView bytes) override;
  void shutdown_write() override;
  void reset_on_close() override;
  TcpStream* socket() override { return this; }
  // Moves up to `bytes_max` through the kernel: socket to pipe, pipe to socket (splice(2)).
  IoResult splice_to_pipe(int pipe_fd, size_t bytes_max);
  IoResult splice_from_pipe(int pipe_fd, size_t bytes_max);

  std::optional<base::Endpoint> local() const;

 private:
  TcpStream(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
  void on_poll(uint32_t readiness) override;
  IoResult after_write(int64_t result, size_t wanted);
  IoResult blocked_write();

  Loop& loop_;
  int fd_;
  bool hung_up_ = false;
  bool watching_writable_ = false;
};

}  // namespace sluice::net
