#include "proxy/wire/http1.h"

#include <algorithm>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/wire/base64.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

using HeadParse = Parse<RequestHead, Http1Error>;

std::optional<Http1Error> parse_request_line(std::string_view line, RequestHead& head) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return Http1Error::kBadRequestLine;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method)) return Http1Error::kBadMethod;
  if (!is_target(target)) return Http1Error::kBadTarget;
  if (version != "HTTP/1.0" && version != "HTTP/1.1") return Http1Error::kBadVersion;
  head.method = method;
  head.target = target;
  head.minor_version = version.back() - '0';
  return std::nullopt;
}

}  // namespace

bool is_target(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

Parse<RequestHead, Http1Error> RequestHeadParser::feed(base::ByteView held) {
  const std::string_view text = base::as_text(held);
  // Another protocol shows itself in its first byte; waiting for the end of a line would only delay the answer.
  if (!text.empty() && !is_token_character(text.front())) return HeadParse::invalid(Http1Error::kBadMethod);
  for (;;) {
    const HeadLines::Next next = lines_.next(text);
    switch (next.state) {
      case HeadLines::State::kNeedMore: return HeadParse::need_more();
      case HeadLines::State::kTooLarge: return HeadParse::invalid(Http1Error::kTooLarge);
      case HeadLines::State::kBareLineFeed: return HeadParse::invalid(Http1Error::kBareLineFeed);
      case HeadLines::State::kLine: break;
    }
    const bool ended = next.line.empty() && !head_.method.empty();
    if (ended) return HeadParse::complete(std::move(head_), lines_.position());
    if (const auto error = take_line(next.line)) return HeadParse::invalid(*error);
  }
}

std::optional<Http1Error> RequestHeadParser::take_line(std::string_view line) {
  if (head_.method.empty()) return parse_request_line(line, head_);
  if (head_.fields.size() == head_fields_max) return Http1Error::kTooLarge;
  auto field = parse_field_line(line);
  if (!field) return field.error();
  head_.fields.push_back(std::move(*field));
  return std::nullopt;
}

base::Result<RequestTarget, AuthorityError> classify_target(const RequestHead& head) {
  constexpr std::string_view scheme = "http://";
  constexpr uint16_t http_port = 80;
  const std::string_view target = head.target;
  RequestTarget result;
  if (head.method == "CONNECT") {
    auto authority = parse_authority(target);
    if (!authority) return authority.error();
    result.form = TargetForm::kAuthority;
    result.authority = std::move(*authority);
  } else if (base::equal_ignore_case(target.substr(0, scheme.size()), scheme)) {
    const std::string_view rest = target.substr(scheme.size());
    const size_t end = std::min(rest.find_first_of("/?"), rest.size());
    auto authority = parse_authority(rest.substr(0, end), http_port);
    if (!authority) return authority.error();
    result.form = TargetForm::kAbsolute;
    result.authority = std::move(*authority);
    const std::string_view path = rest.substr(end);
    result.path = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
  } else if (target.starts_with('/')) {
    result.form = TargetForm::kOrigin;
    result.path = target;
  } else if (target == "*" && head.method == "OPTIONS") {
    result.form = TargetForm::kAsterisk;
  }
  return result;
}

std::optional<BasicCredentials> parse_basic_credentials(std::string_view value) {
  constexpr std::string_view scheme = "basic ";
  if (!base::equal_ignore_case(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  value.remove_prefix(scheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  const auto text = decode_base64(value);
  if (!text) return std::nullopt;
  const size_t colon = text->find(':');
  if (colon == std::string::npos || !is_field_value(*text) || text->find('\t') != std::string::npos)
    return std::nullopt;
  return BasicCredentials{text->substr(0, colon), text->substr(colon + 1)};
}

std::string response_head(int status, std::string_view reason, const Fields& fields) {
  SLUICE_ASSERT(status >= 100 && status <= 999);
  std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
  append_field_text(out, reason);
  out += "\r\n";
  append_fields(out, fields);
  out += "\r\n";
  return out;
}

std::string simple_response(int status, std::string_view reason, const Fields& fields, std::string_view body) {
  Fields all = fields;
  all.push_back({"Content-Length", std::to_string(body.size())});
  return response_head(status, reason, all).append(body);
}

}  // namespace sluice::wire
