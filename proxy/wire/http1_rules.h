#pragma once
// What a well-formed HTTP/1 head must also keep before anything is passed on: the rules against request smuggling, in
// one place. A message that two programs could take for two different ones is refused, never repaired.
//
//   framing   at most one Content-Length, digits only; Transfer-Encoding only `chunked`, once, in HTTP/1.1; never both
//   host      exactly one Host in HTTP/1.1, at most one in 1.0; it agrees with an absolute-form target
//   connection  `Connection` must not name the fields that frame or address a message
//   expect    only 100-continue
#include <cstdint>
#include <optional>

#include "proxy/base/result.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/http1_body.h"
#include "proxy/wire/http1_response.h"

namespace sluice::wire {

enum class MessageError : uint8_t {
  kMissingHost,
  kManyHosts,
  kBadHost,
  kHostMismatch,         // Host and the absolute-form target name different authorities
  kBadContentLength,     // not one field of decimal digits
  kLengthAndEncoding,    // Content-Length beside Transfer-Encoding
  kBadTransferEncoding,  // anything but one `chunked`
  kEncodingInOldVersion,
  kBadConnectionOption,
  kBadExpectation,
};
const char* describe(MessageError error);

struct RequestRules {
  std::optional<Authority> host;  // of the Host field
  BodyFraming body;
  bool keep_alive = true;  // the client will take another response on this connection
  bool expects_continue = false;
  bool websocket = false;  // asks to upgrade; other protocols are not offered onwards
};
// `default_port`: of a Host without one.
base::Result<RequestRules, MessageError> check_request(const RequestHead& head, const RequestTarget& target,
                                                       uint16_t default_port);

struct ResponseRules {
  BodyFraming body;
  bool keep_alive = true;  // the origin will take another request on this connection
};
// `method`: of the request it answers.
base::Result<ResponseRules, MessageError> check_response(const ResponseHead& head, std::string_view method);

}  // namespace sluice::wire
