#pragma once
// HTTP/1.x request heads as a proxy receives them, and the short responses it writes itself. One strict reading:
// what RFC 9112 lets a recipient repair is refused here, because two programs repair differently.
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/chunk.h"
#include "proxy/base/result.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/http1_fields.h"
#include "proxy/wire/parse.h"

namespace sluice::wire {

struct RequestHead {
  std::string method;
  std::string target;
  int minor_version = 1;  // of HTTP/1
  Fields fields;
  bool operator==(const RequestHead&) const = default;
};

// Reads one request head from the start of a growing buffer. One parser per head, owned by the stage that holds the
// bytes; spent after complete or invalid.
class RequestHeadParser {
 public:
  // `held`: everything received so far, from the first byte of the head. length() ends behind the empty line.
  Parse<RequestHead, Http1Error> feed(base::ByteView held);

 private:
  std::optional<Http1Error> take_line(std::string_view line);

  HeadLines lines_;
  RequestHead head_;
};

// Printable ASCII without a fragment: browsers send more than RFC 3986 allows ("|", "{", quotes), but never that.
bool is_target(std::string_view text);

enum class TargetForm : uint8_t {
  kAuthority,  // CONNECT example.com:443
  kAbsolute,   // GET http://example.com/path
  kOrigin,     // GET /path
  kAsterisk,   // OPTIONS *
  kOther,      // anything else, absolute URIs of other schemes among it
};
struct RequestTarget {
  TargetForm form = TargetForm::kOther;
  Authority authority;  // of kAuthority, and of kAbsolute with port 80 as the default
  std::string path;     // path and query: of kAbsolute ("/" if it had none) and kOrigin
};
// The error is that of the authority in a CONNECT or an http URI.
base::Result<RequestTarget, AuthorityError> classify_target(const RequestHead& head);

// A secret: does not print, is not logged.
struct BasicCredentials {
  std::string user;
  std::string password;
};
// The value of a Proxy-Authorization or Authorization field. Strict: scheme Basic in any case, one run of spaces,
// padded canonical base64, no control character, a colon. Nothing for any other text.
std::optional<BasicCredentials> parse_basic_credentials(std::string_view value);

// "HTTP/1.1 <status> <reason>", the fields and the empty line; a 2xx to CONNECT is written with this. Control
// characters in the reason and in values become spaces, so no text can begin a line. Names must be tokens.
std::string response_head(int status, std::string_view reason, const Fields& fields);
// The same with Content-Length and the body. Not for statuses that have no content (1xx, 204, 304, 2xx to CONNECT).
std::string simple_response(int status, std::string_view reason, const Fields& fields, std::string_view body);

}  // namespace sluice::wire
