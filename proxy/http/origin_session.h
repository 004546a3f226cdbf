#pragma once
// OriginSession: one connection to an origin, without a socket and whichever version of HTTP it speaks: messages in and
// bytes out, bytes in and events out. What stands between client and origin sees no version.
#include <optional>

#include "proxy/base/time.h"
#include "proxy/http/session_event.h"

namespace sluice::http {

// Lives with its connection; one thread. Calls about a stream that is gone do nothing.
class OriginSession {
 public:
  virtual ~OriginSession() = default;

  // ---- bytes and events
  virtual void receive(base::ByteView bytes, base::Time now) = 0;
  // The origin sends no more. `cut`: inside TLS, without goodbye.
  virtual void receive_end(bool cut) = 0;
  // More was received than has left (consumed()), and the origin was not told how much it may send: reading must stop.
  virtual bool full() const = 0;
  // What happened since the last call, in order.
  virtual SessionEvents take_events() = 0;
  // Bytes for the origin, about `bytes_max` of them; empty when there is nothing to say now.
  virtual base::Chunk take_output(size_t bytes_max) = 0;
  // True once: behind the output, the end of what will be sent (FIN).
  virtual bool take_end() = 0;

  // ---- messages. An `end` is the last thing sent on a stream.
  // The stream's number, or 0 when the connection takes no more (see may_open_stream()).
  virtual StreamId send_request(const Request& request, bool end) = 0;
  virtual void send_data(StreamId stream, base::Chunk bytes) = 0;
  virtual void send_end(StreamId stream, const Fields& trailers) = 0;
  // Bytes of DataReceived have left for the client (or were thrown away).
  virtual void consumed(StreamId stream, size_t bytes) = 0;
  // The exchange ends at once.
  virtual void reset(StreamId stream, Http2Code code) = 0;

  // ---- connection
  virtual bool may_open_stream() const = 0;
  virtual bool takes_websockets() const = 0;
  virtual bool finished() const = 0;  // nothing more will be read or sent
};

}  // namespace sluice::http
