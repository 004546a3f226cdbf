#include "proxy/http/http2_head.h"

#include <algorithm>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/fields.h"
#include "proxy/http/limits.h"
#include "proxy/http/status.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/http1_rules.h"
#include "proxy/wire/limits.h"

namespace sluice::http {

namespace {

Problem malformed(std::string_view text) {
  return {Problem::Kind::kSyntax, std::string(text)};
}

bool is_lower_case(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// RFC 9113 section 8.2.2; TE is looked at by itself.
bool is_of_connection(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" || name == "transfer-encoding" ||
         name == "upgrade";
}

size_t list_bytes_max(HeadBlock::Kind kind) {
  switch (kind) {
    case HeadBlock::Kind::kRequest: return request_list_bytes_max;
    case HeadBlock::Kind::kResponse: return response_list_bytes_max;
    case HeadBlock::Kind::kTrailers: return trailer_list_bytes_max;
  }
  return 0;
}

int status_of(std::string_view text) {
  if (text.size() != 3) return 0;
  const int status = static_cast<int>(base::parse_decimal(text).value_or(0));
  return status >= 100 ? status : 0;
}

}  // namespace

void HeadBlock::fault(const char* text) {
  if (fault_ == nullptr) fault_ = text;
}

void HeadBlock::add(std::string_view name, std::string_view value) {
  constexpr size_t overhead = 32;  // RFC 9113 section 6.5.2
  list_bytes_ += name.size() + value.size() + overhead;
  if (list_bytes_ > list_bytes_max(kind_)) too_large_ = true;
  if (too_large_ || fault_ != nullptr) return;
  if (!name.starts_with(':')) return add_field(name, value);
  if (regular_) return fault("a pseudo-header stands behind other fields");
  add_pseudo(name, value);
}

void HeadBlock::add_pseudo(std::string_view name, std::string_view value) {
  if (kind_ == Kind::kRequest) {
    if (name == ":method") return set_once(method_, value);
    if (name == ":scheme") return set_once(scheme_, value);
    if (name == ":authority") return set_once(authority_, value);
    if (name == ":path") return set_once(path_, value);
    if (name == ":protocol") return set_once(protocol_, value);
  } else if (kind_ == Kind::kResponse && name == ":status") {
    return set_once(status_, value);
  }
  fault("a pseudo-header is unknown or has no place here");
}

void HeadBlock::set_once(std::string& pseudo, std::string_view value) {
  if (value.empty()) return fault("a pseudo-header is empty");
  if (!pseudo.empty()) return fault("a pseudo-header stands twice");
  if (!wire::is_field_value(value) || value.find_first_of("\t ") != std::string_view::npos) {
    return fault("a pseudo-header has a blank or a control character");
  }
  pseudo = value;
}

void HeadBlock::add_field(std::string_view name, std::string_view value) {
  regular_ = true;
  if (!wire::is_token(name)) return fault("a field name is not a token");
  if (!is_lower_case(name)) return fault("a field name is not in lower case");
  if (!wire::is_field_value(value)) return fault("a field value has a control character");
  const std::string_view trimmed = wire::without_blanks(value);
  // Servers have long sent such, and browsers have long shown their pages; written anew the blank is gone.
  if (trimmed.size() != value.size() && kind_ == Kind::kRequest) return fault("a field value has blanks around it");
  if (is_of_connection(name)) return fault("a field belongs to a connection of HTTP/1");
  if (name == "te") {
    if (!base::equal_ignore_case(trimmed, "trailers")) return fault("TE is not just `trailers`");
    accepts_trailers_ = true;
    return;
  }
  if (name == "cookie" && kind_ == Kind::kRequest) return add_crumb(trimmed);
  if (fields_.size() == wire::head_fields_max) {
    too_large_ = true;
    return;
  }
  fields_.push_back({std::string(name), std::string(trimmed)});
}

// HTTP/2 may cut the one Cookie field into many (RFC 9113 section 8.2.3); origins get it whole.
void HeadBlock::add_crumb(std::string_view value) {
  for (wire::Field& field : fields_) {
    if (field.name != "cookie") continue;
    field.value.append("; ").append(value);
    return;
  }
  fields_.push_back({"cookie", std::string(value)});
}

base::Result<Request, Problem> HeadBlock::take_request(bool end, Scheme scheme) {
  if (fault_ != nullptr) return malformed(fault_);
  if (too_large_) return Problem{Problem::Kind::kTooLarge, wire::describe(wire::Http1Error::kTooLarge)};
  if (!wire::is_token(method_)) return malformed("the method is not a token");
  const bool connects = method_ == "CONNECT";
  if (!protocol_.empty() && !connects) return malformed("`:protocol` belongs to CONNECT");
  if (connects && protocol_.empty()) {
    if (!scheme_.empty() || !path_.empty() || authority_.empty()) return malformed("a CONNECT has only `:authority`");
    return Problem{Problem::Kind::kTarget, "the target is not of a form that is served here"};
  }
  if (scheme_.empty() || path_.empty()) return malformed("`:scheme` or `:path` is missing");
  if (connects && authority_.empty()) return malformed("`:authority` is missing");
  return read_target(end, scheme);
}

base::Result<Request, Problem> HeadBlock::read_target(bool end, Scheme scheme) {
  const bool asterisk = path_ == "*" && method_ == "OPTIONS";
  if (!wire::is_target(path_) || (!asterisk && !path_.starts_with('/'))) {
    return malformed("`:path` is not a path");
  }
  if (!base::equal_ignore_case(scheme_, scheme == Scheme::kHttps ? "https" : "http")) {
    return Problem{Problem::Kind::kTarget, "the target is of another scheme than its connection"};
  }
  const bool websocket = protocol_ == "websocket";
  if (!protocol_.empty() && !websocket) return Problem{Problem::Kind::kTarget, "the protocol is not served here"};
  wire::RequestTarget target{wire::TargetForm::kAbsolute, {}, path_};
  wire::RequestHead head{method_, {}, 1, std::move(fields_)};
  if (authority_.empty()) {
    const std::string* host = wire::find_field(head.fields, "host");
    if (host == nullptr) return malformed("neither `:authority` nor Host is there");
    authority_ = *host;
  } else if (wire::count_fields(head.fields, "host") == 0) {
    head.fields.push_back({"host", authority_});
  }
  auto authority = wire::parse_authority(authority_, default_port(scheme));
  if (!authority) return Problem{Problem::Kind::kAuthority, wire::describe(authority.error())};
  target.authority = std::move(*authority);
  const auto rules = wire::check_request(head, target, default_port(scheme));
  if (!rules) {
    const bool expectation = rules.error() == wire::MessageError::kBadExpectation;
    return Problem{expectation ? Problem::Kind::kExpectation : Problem::Kind::kRules, wire::describe(rules.error())};
  }
  BodyFraming body = rules->body;
  if (end && body.length > 0) return malformed("Content-Length announces content that does not follow");
  if (websocket && (end || body.kind != BodyKind::kNone)) return malformed("a WebSocket's CONNECT has content");
  if (!end && !websocket && body.kind == BodyKind::kNone) body.kind = BodyKind::kChunked;
  Request request{.method = websocket ? "GET" : std::move(method_),
                  .authority = std::move(target.authority),
                  .path = std::move(path_),
                  .fields = std::move(head.fields),
                  .body = body,
                  .expects_continue = rules->expects_continue && !end,
                  .websocket = websocket,
                  .accepts_trailers = accepts_trailers_};
  drop_connection_fields(request.fields);
  drop_request_fields(request.fields);
  return request;
}

base::Result<Response, Problem> HeadBlock::take_response(bool end, const std::string& method, bool websocket) {
  constexpr int no_content = 204;
  constexpr int not_modified = 304;
  if (fault_ != nullptr) return malformed(fault_);
  if (too_large_) return Problem{Problem::Kind::kTooLarge, wire::describe(wire::Http1Error::kTooLarge)};
  wire::ResponseHead head{status_of(status_), {}, 1, std::move(fields_)};
  if (head.status == 0 || head.status == switching_protocols) return malformed("`:status` is not one of a response");
  const bool accepted = websocket && head.status >= 200 && head.status < 300;
  const bool interim = head.status < first_final_status;
  if (end && interim) return malformed("an interim response ends its stream");
  const auto rules = wire::check_response(head, accepted ? "CONNECT" : method);
  if (!rules) return Problem{Problem::Kind::kRules, wire::describe(rules.error())};
  BodyFraming body = rules->body;
  if (end && body.length > 0) return malformed("Content-Length announces content that does not follow");
  const bool bodiless =
      interim || accepted || method == "HEAD" || head.status == no_content || head.status == not_modified;
  // Without a length the end of the stream is the end of the body.
  if (body.kind == BodyKind::kUntilClose) body.kind = end ? BodyKind::kLength : BodyKind::kChunked;
  if (bodiless) body = {};
  Response response{.status = accepted ? switching_protocols : head.status,
                    .reason = {},
                    .fields = std::move(head.fields),
                    .body = body};
  const std::string* length = wire::find_field(response.fields, "content-length");
  const std::string announced = length != nullptr ? *length : std::string();
  drop_connection_fields(response.fields);
  if (!announced.empty() && (method == "HEAD" || response.status == not_modified)) {
    response.fields.push_back({"content-length", announced});
  }
  return response;
}

base::Result<Fields, Problem> HeadBlock::take_trailers() {
  if (fault_ != nullptr) return malformed(fault_);
  if (too_large_) return malformed("the trailers are too large");
  drop_trailer_fields(fields_);
  return std::move(fields_);
}

}  // namespace sluice::http
