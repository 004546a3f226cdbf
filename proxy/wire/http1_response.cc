#include "proxy/wire/http1_response.h"

#include <algorithm>
#include <utility>

#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

using HeadParse = Parse<ResponseHead, Http1Error>;

constexpr std::string_view version_prefix = "HTTP/1.";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "HTTP/1.1 200 OK"; the blank before an empty reason may be absent, as many origins send it.
std::optional<Http1Error> parse_status_line(std::string_view line, ResponseHead& head) {
  constexpr size_t code_at = 9;
  constexpr size_t code_digits = 3;
  if (!line.starts_with(version_prefix) || line.size() < code_at || line[code_at - 1] != ' ') {
    return Http1Error::kBadStatusLine;
  }
  const char minor = line[version_prefix.size()];
  if (minor != '0' && minor != '1') return Http1Error::kBadVersion;
  const std::string_view code = line.substr(code_at, code_digits);
  if (code.size() != code_digits || !std::all_of(code.begin(), code.end(), is_digit) || code[0] == '0') {
    return Http1Error::kBadStatusLine;
  }
  const std::string_view rest = line.substr(code_at + code_digits);
  if (!rest.empty() && rest[0] != ' ') return Http1Error::kBadStatusLine;
  const std::string_view reason = rest.empty() ? rest : rest.substr(1);
  if (!is_field_value(reason)) return Http1Error::kBadStatusLine;
  head.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  head.reason = reason;
  head.minor_version = minor - '0';
  return std::nullopt;
}

}  // namespace

Parse<ResponseHead, Http1Error> ResponseHeadParser::feed(base::ByteView held) {
  const std::string_view text = base::as_text(held);
  // Another protocol shows itself in its first bytes; waiting for the end of a line would only delay the answer.
  const size_t shown = std::min(text.size(), version_prefix.size());
  if (text.substr(0, shown) != version_prefix.substr(0, shown)) return HeadParse::invalid(Http1Error::kBadStatusLine);
  for (;;) {
    const HeadLines::Next next = lines_.next(text);
    switch (next.state) {
      case HeadLines::State::kNeedMore: return HeadParse::need_more();
      case HeadLines::State::kTooLarge: return HeadParse::invalid(Http1Error::kTooLarge);
      case HeadLines::State::kBareLineFeed: return HeadParse::invalid(Http1Error::kBareLineFeed);
      case HeadLines::State::kLine: break;
    }
    if (next.line.empty() && head_.status != 0) return HeadParse::complete(std::move(head_), lines_.position());
    if (const auto error = take_line(next.line)) return HeadParse::invalid(*error);
  }
}

std::optional<Http1Error> ResponseHeadParser::take_line(std::string_view line) {
  if (head_.status == 0) return parse_status_line(line, head_);
  if (head_.fields.size() == head_fields_max) return Http1Error::kTooLarge;
  auto field = parse_field_line(line);
  if (!field) return field.error();
  head_.fields.push_back(std::move(*field));
  return std::nullopt;
}

}  // namespace sluice::wire
