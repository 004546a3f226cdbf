#pragma once
// ClientSession: one connection of a client, without a socket and whichever version of HTTP it speaks; OriginSession
// seen from the other end.
#include <optional>

#include "proxy/base/time.h"
#include "proxy/http/session_event.h"

namespace sluice::http {

// Lives with its connection; one thread. Calls about a stream that is gone do nothing.
class ClientSession {
 public:
  virtual ~ClientSession() = default;

  // ---- bytes and events
  virtual void receive(base::ByteView bytes, base::Time now) = 0;
  // The client sends no more. False: nor does it wait for anything.
  virtual bool receive_end() = 0;
  // More was received than has left (consumed()), and the client was not told how much it may send: reading must stop.
  virtual bool full() const = 0;
  // What happened since the last call, in order.
  virtual SessionEvents take_events() = 0;
  // Bytes for the client, about `bytes_max` of them; empty when there is nothing to say now.
  virtual base::Chunk take_output(size_t bytes_max) = 0;
  virtual bool has_output() const = 0;

  // Since when a head has begun to come and is not whole. Such bytes do nothing yet: they get the time of a head, not
  // that of an idle connection.
  virtual std::optional<base::Time> unfinished_since() const = 0;

  // ---- messages. An `end` is the last thing sent on a stream.
  // Interim ones first if there are any. `end`: no content follows, whatever its framing says. 101 accepts a WebSocket;
  // content is then its bytes.
  virtual void send_response(StreamId stream, const Response& response, bool end) = 0;
  virtual void send_data(StreamId stream, base::Chunk bytes) = 0;
  virtual void send_end(StreamId stream, const Fields& trailers) = 0;
  // Bytes of DataReceived have left for the origin (or were thrown away).
  virtual void consumed(StreamId stream, size_t bytes) = 0;
  // Nothing that still comes on this stream is wanted; its answer still leaves.
  virtual void discard(StreamId stream) = 0;
  // The stream ends at once for both sides.
  virtual void reset(StreamId stream, Http2Code code) = 0;

  // ---- connection
  virtual void offer_websockets() = 0;
  // Graceful end in two steps: the first says that an end is near, the second takes no new streams.
  virtual void announce_drain() = 0;
  virtual void drain() = 0;
  virtual void terminate(Http2Code code) = 0;
  virtual bool finished() const = 0;  // nothing more will be read, nor sent behind the output
  // It ended in the middle of a message, and its version has no other way to say so than a reset of the connection.
  virtual bool broken() const = 0;
};

}  // namespace sluice::http
