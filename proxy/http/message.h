#pragma once
// HTTP messages without a version: what a request and a response say, apart from how a connection carries them. Heads
// are values; bodies pass by as runs of content and are never whole in memory.
#include <cstdint>
#include <string>

#include "proxy/wire/authority.h"
#include "proxy/wire/http1_body.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::http {

using wire::Field;
using wire::Fields;

// How the end of a body is known: kLength, or kChunked for "when the sender says so".
using wire::BodyFraming;
using wire::BodyKind;

enum class Scheme : uint8_t { kHttp, kHttps };
constexpr uint16_t default_port(Scheme scheme) {
  return scheme == Scheme::kHttp ? 80 : 443;
}

struct Request {
  std::string method;
  wire::Authority authority;  // of the absolute target, or of Host
  std::string path;           // path and query, or "*"
  Fields fields;              // only what goes on to the origin; no Host, nothing of one connection
  BodyFraming body;
  bool expects_continue = false;
  bool websocket = false;         // wants to become a WebSocket
  bool accepts_trailers = false;  // said `TE: trailers`, which only HTTP/2 hands on (gRPC requires it)
  bool keep_alive = true;         // the client's connection takes another response
  int minor_version = 1;          // of the client's HTTP/1
};

struct Response {
  int status = 0;
  std::string reason;
  Fields fields;  // only what goes on to the client
  BodyFraming body;
  bool keep_alive = true;  // the origin's connection takes another request
};

// "example.com", "example.com:8080": the value of Host; without the default port.
std::string host_field(Scheme scheme, const wire::Authority& authority);
// "http://example.com/path": without the default port.
std::string url_of(Scheme scheme, const Request& request);

}  // namespace sluice::http
