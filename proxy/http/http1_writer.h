#pragma once
// HTTP/1.1 as it is sent: every message is written anew from what message.h says.
#include <string>

#include "proxy/base/chunk.h"
#include "proxy/http/message.h"

namespace sluice::http {

// `GET /path HTTP/1.1` with Host first. `keep_alive`: the connection may take another request.
std::string write_request_head(const Request& request, Scheme scheme, bool keep_alive);

// How a response's body is sent to a client of HTTP/1.`minor_version`: an open end becomes chunks, or for HTTP/1.0 the
// end of the connection.
BodyFraming framing_for(const BodyFraming& body, int minor_version);

struct ResponseStyle {
  BodyFraming body;        // as it will be sent
  bool keep_alive = true;  // false: says `Connection: close`
  bool websocket = false;  // of a 101
};
std::string write_response_head(const Response& response, const ResponseStyle& style);

// Content and end of one body, in the framing its head announced.
class BodyWriter {
 public:
  explicit BodyWriter(BodyKind kind = BodyKind::kNone) : kind_(kind) {}
  base::Chunk content(base::ByteView bytes) const;
  base::Chunk end(const Fields& trailers) const;  // may be empty

 private:
  BodyKind kind_;
};

}  // namespace sluice::http
