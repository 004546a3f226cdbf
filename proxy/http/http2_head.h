#pragma once
// Heads and trailers of HTTP/2 messages (RFC 9113 section 8): fields as they were decoded, judged by the same rules as
// HTTP/1 and made into the same messages. What only HTTP/2 has is here; framing, Host and Expect are wire/'s rules.
//
//   fields    lower-case token names, no control characters, no blanks around values, nothing of a connection,
//             TE only `trailers`
//   pseudo    known, before the others, once, complete for their kind, none in trailers
//   target    the connection's scheme, a path (or `*` of OPTIONS), a strict authority that agrees with Host
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/problem.h"

namespace sluice::http {

// One block of fields as it arrives. Keeps its bounds whatever comes. A value of its stream.
class HeadBlock {
 public:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };

  explicit HeadBlock(Kind kind = Kind::kRequest) : kind_(kind) {}
  void add(std::string_view name, std::string_view value);

  const std::string& method() const { return method_; }
  const std::string& authority() const { return authority_; }
  const std::string& path() const { return path_; }

  // Problems: kSyntax is a malformed message (RFC 9113 section 8.1.1); all others can be answered. `end`: nothing
  // follows.
  base::Result<Request, Problem> take_request(bool end, Scheme scheme);
  // Of the request it answers: `method`, and whether it asked for a WebSocket, whose acceptance is 101.
  base::Result<Response, Problem> take_response(bool end, const std::string& method, bool websocket);
  base::Result<Fields, Problem> take_trailers();

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void set_once(std::string& pseudo, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  void add_crumb(std::string_view value);
  void fault(const char* text);
  base::Result<Request, Problem> read_target(bool end, Scheme scheme);

  Kind kind_;
  std::string method_, scheme_, authority_, path_, protocol_, status_;
  Fields fields_;
  size_t list_bytes_ = 0;        // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  const char* fault_ = nullptr;  // the first one
  bool too_large_ = false;       // `fields_` are cut
  bool regular_ = false;         // a field that is no pseudo-header has come
  bool accepts_trailers_ = false;
};

}  // namespace sluice::http
