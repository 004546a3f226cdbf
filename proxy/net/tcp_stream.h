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

namespace sluice::net {

class TcpStream;

class StreamHandler {
 public:
  // Something changed: look at readable() and writable(). The stream may be destroyed from here.
  virtual void on_stream(TcpStream& stream) = 0;

 protected:
  virtual ~StreamHandler() = default;
};

struct IoResult {
  enum class Kind : uint8_t {
    kMoved,    // `bytes` > 0
    kBlocked,  // nothing now; on_stream() will say when
    kEnded,    // read: the peer sent FIN
    kReset,    // the connection is dead; `error` is errno
  };
  Kind kind = Kind::kBlocked;
  size_t bytes = 0;
  int error = 0;
};

class TcpStream : public PollTarget {
 public:
  // Takes an accepted descriptor; null when it cannot be watched (it is closed then).
  static std::unique_ptr<TcpStream> adopt(Loop& loop, int fd, StreamHandler& handler);
  // Starts a connection; `error` gets errno when it fails at once. Established when writable() and connect_error() ==
  // 0.
  static std::unique_ptr<TcpStream> connect(Loop& loop, const base::Endpoint& to, StreamHandler& handler, int* error);
  ~TcpStream() override;  // closes
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  void set_handler(StreamHandler& handler) { handler_ = &handler; }
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  bool hung_up() const { return hung_up_; }
  int fd() const { return fd_; }
  // SO_ERROR if the kernel reported one, else 0.
  int connect_error();

  IoResult read(std::span<uint8_t> into);
  IoResult write(base::ByteView bytes);
  // Moves up to `bytes_max` through the kernel: socket to pipe, pipe to socket (splice(2)).
  IoResult splice_to_pipe(int pipe_fd, size_t bytes_max);
  IoResult splice_from_pipe(int pipe_fd, size_t bytes_max);

  void shutdown_write();  // FIN after what was written
  void reset_on_close();  // the destructor will send RST instead of FIN

  std::optional<base::Endpoint> local() const;

 private:
  TcpStream(Loop& loop, int fd, StreamHandler& handler) : loop_(loop), handler_(&handler), fd_(fd) {}
  void on_poll(uint32_t readiness) override;
  IoResult after_write(int64_t result, size_t wanted);
  IoResult blocked_write();

  Loop& loop_;
  StreamHandler* handler_;
  int fd_;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;
  bool watching_writable_ = false;
};

}  // namespace sluice::net
