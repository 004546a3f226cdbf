#pragma once
// Stream: a byte stream with readiness, whatever carries it: a TCP socket, a TLS connection, one HTTP/2 stream of a
// tunnel. Owned by one object; belongs to one loop.
#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/base/chunk.h"

namespace sluice::net {

class Stream;
class TcpStream;

class StreamHandler {
 public:
  // Something changed: look at readable() and writable(). The stream may be destroyed from here.
  virtual void on_stream(Stream& stream) = 0;

 protected:
  virtual ~StreamHandler() = default;
};

struct IoResult {
  enum class Kind : uint8_t {
    kMoved,    // `bytes` > 0
    kBlocked,  // nothing now; on_stream() will say when
    kEnded,    // read: the peer sent its FIN
    kReset,    // the stream is dead; `error` is errno, or 0
  };
  Kind kind = Kind::kBlocked;
  size_t bytes = 0;
  int error = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void set_handler(StreamHandler& handler) { handler_ = &handler; }
  // Worth trying. Calling on although it is false is allowed and answers kBlocked, or what there is.
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }

  // Who reads again says that what it read before has been passed on: only then a peer that counts bytes (HTTP/2 flow
  // control) hears that there is room.
  virtual IoResult read(std::span<uint8_t> into) = 0;
  // Takes as much as there is room for, which may be less than all.
  virtual IoResult write(base::ByteView bytes) = 0;
  virtual void shutdown_write() = 0;  // FIN after what was written
  virtual void reset_on_close() = 0;  // the destructor will send a reset instead of an ordinary end

  // All that was written has left for the kernel, or never will: an ordinary end may follow.
  virtual bool drained() const { return true; }
  // What carried the stream is gone, and the stream with it.
  virtual bool lost() const { return false; }

  // The socket itself, where there is nothing between: the kernel can move its bytes (splice(2)).
  virtual TcpStream* socket() { return nullptr; }

 protected:
  Stream() = default;
  void changed() { handler_->on_stream(*this); }

  bool readable_ = false;
  bool writable_ = false;

 private:
  StreamHandler* handler_ = nullptr;  // set before anything can happen
};

}  // namespace sluice::net
