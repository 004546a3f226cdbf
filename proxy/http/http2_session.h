#pragma once
// Http2Session: one HTTP/2 connection, towards the client (server role) or towards the origin (client role), without a
// socket: bytes in and events out, messages in and bytes out.
//
//   bytes from the peer:  receive(), then take_events()
//   messages:             send_request(), send_response(), send_data(), ...
//   bytes for the peer:   take_output() while the socket has room, then take_events() (DataSent, StreamClosed)
//   finished():           send what take_output() still gives, then close
//
// Back-pressure: send_data() takes everything, and the owner bounds what it gives: it stops reading where the bytes
// come from while unsent() is over its limit, and goes on after DataSent. Where they come from another Http2Session,
// calling its consumed() for DataSent bytes is all that is needed: its peer's windows are the bound.
//
// nghttp2's callbacks only note what happened; nothing is decided on its stack.
#include <memory>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/http/client_session.h"
#include "proxy/http/origin_session.h"

namespace sluice::http {

class Http2State;

// Lives with its connection; one thread. Calls about a stream that is gone do nothing.
class Http2Session final : public ClientSession, public OriginSession {
 public:
  enum class Role : uint8_t { kServer, kClient };
  struct Options {
    Role role = Role::kServer;
    Scheme scheme = Scheme::kHttps;  // of every request here
    uint32_t streams_max = 100;      // server: that the client may have open
    bool websockets = true;          // server: offers extended CONNECT
  };

  Http2Session(const Options& options, base::Time now);
  ~Http2Session() override;
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // ---- bytes and events
  void receive(base::ByteView bytes, base::Time now) override;
  bool receive_end() override { return false; }
  void receive_end(bool cut) override;
  bool full() const override { return false; }  // windows are the bound
  SessionEvents take_events() override;
  // Frames for the peer, about `bytes_max` of them (at most a frame more); empty when there is nothing to say now.
  base::Chunk take_output(size_t bytes_max) override;
  bool take_end() override { return false; }  // GOAWAY says it
  bool has_output() const override;

  // ---- messages. An `end` is the last thing sent on a stream.
  // Client: the stream's number, or 0 when the connection takes no more (see may_open_stream()).
  StreamId send_request(const Request& request, bool end) override;
  // Server: interim ones first if there are any. `end`: no content follows, whatever its framing says.
  // 101 accepts a WebSocket; content is then its bytes.
  void send_response(StreamId stream, const Response& response, bool end) override;
  void send_data(StreamId stream, base::Chunk bytes) override;
  void send_end(StreamId stream) { send_end(stream, {}); }
  void send_end(StreamId stream, const Fields& trailers) override;
  // Content given to send_data() that has not gone to output.
  size_t unsent(StreamId stream) const;

  // Bytes of DataReceived have left for the other peer (or were thrown away): the peer hears that there is room.
  void consumed(StreamId stream, size_t bytes) override;
  // Nothing that still comes on this stream is wanted; events of it stop but for its end. When our end has been sent
  // and the peer has not ended, the stream is reset with NO_ERROR (a response before the end of its request).
  void discard(StreamId stream) override;
  // The stream ends at once for both sides: what is unsent is gone, but the heads that were sent go before.
  void reset(StreamId stream, Http2Code code) override;

  // ---- connection
  // Client: whether send_request() works now: the peer's limit of streams, its GOAWAY, ours.
  bool may_open_stream() const override;
  // Client: the peer takes WebSockets (its SETTINGS allow extended CONNECT).
  bool takes_websockets() const override;
  // Server, where the options did not: from now on WebSockets are offered.
  void offer_websockets() override;
  // Server: graceful end in two steps. The first says that an end is near and still takes streams; the second, a round
  // trip or more later, takes no new ones. Those open go on.
  void announce_drain() override;
  void drain() override;
  // GOAWAY with a code: the end at once.
  void terminate(Http2Code code) override;
  // Asks the peer whether it is there: last_heard() tells.
  void ping(base::Time now);

  bool broken() const override { return false; }  // streams are reset instead
  bool finished() const override;                 // nothing more will be read or sent
  bool idle() const;                              // no stream is open
  size_t streams() const;
  base::Time last_heard() const;  // when a byte came
  // Since when a frame other than DATA, or a block of fields over several frames, has begun to come and is not whole
  // (the client's preface too). Such bytes do nothing yet: they get the time of a head, not that of an idle connection.
  std::optional<base::Time> unfinished_since() const override;
  std::optional<base::Duration> round_trip() const;

 private:
  std::unique_ptr<Http2State> state_;
};

}  // namespace sluice::http
