#pragma once
// TunnelStream: one CONNECT of a tunnel, as bytes both ways.
#include <cstdint>
#include <span>
#include <string>

#include "proxy/base/chunk.h"
#include "proxy/base/time.h"
#include "proxy/http/receive_window.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::http {

class TunnelSession;
class TunnelStream;

// Who uses a stream.
class StreamUser {
 public:
  // Bytes, room, an end, a response, a reset: look. The stream may be released from here.
  virtual void on_tunnel_stream(TunnelStream& stream) = 0;
  // The tunnel is gone, and the stream with it: it must not be touched any more.
  virtual void on_tunnel_lost() = 0;

 protected:
  virtual ~StreamUser() = default;
};

// The head of a request or a response.
struct Head {
  std::string method;
  std::string authority;
  int status = 0;
  wire::Fields fields;     // without pseudo-headers
  bool too_large = false;  // `fields` are cut
};

// Belongs to its session, from HEADERS until both directions have ended and its user has released it. Same thread as
// the session.
class TunnelStream {
 public:
  TunnelStream(const TunnelStream&) = delete;
  TunnelStream& operator=(const TunnelStream&) = delete;

  void set_user(StreamUser& user) { user_ = &user; }
  const Head& head() const { return head_; }  // of the peer
  Head take_head() { return std::move(head_); }
  bool responded() const { return responded_; }  // client: head() is the response

  bool reset() const { return reset_; }  // by either side, or never let through
  // Every byte has been read, and the peer will send no more.
  bool ended() const { return remote_ended_ && received_.empty(); }
  bool readable() const { return !received_.empty() || uncredited_ > 0 || remote_ended_ || reset_; }
  bool writable() const;
  bool refuses_writes() const { return closed_ && !end_sent_; }  // the peer wants nothing more

  // Copies what has come. What the call before had copied counts as passed on: the peer hears that there is room again.
  size_t read(std::span<uint8_t> into);
  // Takes as much as there is room for.
  size_t write(base::ByteView bytes);
  void end_write();
  // Server: the answer. `end`: nothing follows.
  void respond(int status, const wire::Fields& fields, bool end);

  // The user is done with it. What was written is still sent, and END_STREAM behind it; `abort`: RST_STREAM at once.
  // The stream must not be touched any more.
  void release(bool abort);

 private:
  friend class TunnelSession;
  friend struct TunnelCallbacks;
  TunnelStream(TunnelSession& session, int32_t id, base::Time now)
      : session_(session), id_(id), window_(stream_window_bytes, stream_window_bytes_max, now) {}

  TunnelSession& session_;
  int32_t id_;
  StreamUser* user_ = nullptr;
  TunnelStream* next_ = nullptr;  // in the session's list
  TunnelStream* previous_ = nullptr;
  Head head_;
  size_t head_bytes_ = 0;
  base::Chunk received_;
  base::Chunk unsent_;
  uint32_t uncredited_ = 0;  // read by the user, not yet passed on
  ReceiveWindow window_;
  uint32_t changed_at_ = 0;  // place in the session's list of changes + 1; 0 = not in it
  bool deferred_ = false;    // nghttp2 waits for resume
  bool requested_ = false;   // server: the whole head is there
  bool responded_ = false;
  bool remote_ended_ = false;
  bool write_ended_ = false;  // END_STREAM follows what is unsent
  bool end_sent_ = false;
  bool blocked_ = false;  // the user wants to hear of room
  bool reset_ = false;
  bool reset_by_peer_ = false;
  bool closed_ = false;  // nghttp2 has forgotten it
  bool released_ = false;
};

}  // namespace sluice::http
