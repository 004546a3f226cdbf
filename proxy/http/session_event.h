#pragma once
// What the peer of a connection did, in the order in which it did it, in the terms of HTTP/2: an exchange of HTTP/1.1
// is a stream, too. Every stream that began ends with exactly one StreamClosed or StreamReset, unless this side reset
// it (then nothing follows) or the connection failed.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/http/message.h"
#include "proxy/http/problem.h"

namespace sluice::http {

// Of one connection, numbered as HTTP/2 does.
using StreamId = int32_t;

// RFC 9113 section 7: the codes that are said or looked at here.
enum class Http2Code : uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
  kConnectError = 10,
  kEnhanceYourCalm = 11,
  kHttp11Required = 13,
};

// Server. A WebSocket over HTTP/2 (RFC 8441) is the request that HTTP/1 would have sent: GET with `websocket`.
struct RequestReceived {
  StreamId stream = 0;
  Request request;
  bool end = false;  // no content follows; StreamEnded does not come either
};
// Server: a request that breaks a rule. What can be answered is: the owner calls send_response() as for any request.
// A malformed one is `reset`: the session has already ended the stream with PROTOCOL_ERROR, and nothing follows.
struct RequestRefused {
  StreamId stream = 0;
  Problem problem;
  std::string method;     // as far as it is known, for records
  std::string authority;  // likewise, as it was sent
  std::string path;
  bool reset = false;
};
// Client. Interim ones (below 200) come first and end nothing; 101 is the acceptance of a WebSocket.
struct ResponseReceived {
  StreamId stream = 0;
  Response response;
  bool end = false;  // no content follows; StreamEnded does not come either
};
// Content without its framing. The owner says consumed() when it has left for the other peer.
struct DataReceived {
  StreamId stream = 0;
  base::Chunk bytes;
};
// The peer sends no more on this stream. Trailers are empty for most.
struct StreamEnded {
  StreamId stream = 0;
  Fields trailers;
};
// What send_data() took has gone to output. Sums up; one per call of take_output() and stream.
struct DataSent {
  StreamId stream = 0;
  size_t bytes = 0;
};
// Both directions have ended well and everything went to output.
struct StreamClosed {
  StreamId stream = 0;
};
// Over at once, by the peer or because the peer broke a rule of the stream; what was unsent is gone.
struct StreamReset {
  StreamId stream = 0;
  Http2Code code = Http2Code::kCancel;
  bool by_peer = true;
  bool unprocessed = false;  // client: the peer says that it never looked at the request; it may be sent again
  std::string text{};        // which rule was broken, where one was
};
// No new streams on this connection. Streams that the peer will not answer end with StreamReset{unprocessed}.
struct GoAwayReceived {
  Http2Code code = Http2Code::kNoError;
};
// The connection is of no use any more: output still has what is to be said, then it closes (finished()). Streams end
// with it, without events of their own.
struct ConnectionFailed {
  Http2Code code = Http2Code::kProtocolError;
  bool by_peer = false;  // its GOAWAY said so
  std::string text;      // one clause, for a person
};

using SessionEvent = std::variant<RequestReceived, RequestRefused, ResponseReceived, DataReceived, StreamEnded,
                                  DataSent, StreamClosed, StreamReset, GoAwayReceived, ConnectionFailed>;
using SessionEvents = std::vector<SessionEvent>;

}  // namespace sluice::http
