#include "proxy/wire/http1_fields.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
}  // namespace

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

const char* describe(Http1Error error) {
  switch (error) {
    case Http1Error::kTooLarge: return "the message head is too large";
    case Http1Error::kBareLineFeed: return "a line does not end in CR LF";
    case Http1Error::kBadRequestLine: return "the request line is not method, target and version with single spaces";
    case Http1Error::kBadStatusLine: return "the status line is not version, status of three digits and reason";
    case Http1Error::kBadMethod: return "the method is not a token";
    case Http1Error::kBadTarget: return "the request target is not printable ASCII without a fragment";
    case Http1Error::kBadVersion: return "the version is neither HTTP/1.0 nor HTTP/1.1";
    case Http1Error::kFolded: return "a field line begins with a blank";
    case Http1Error::kBadFieldName: return "a field name is not a token directly followed by a colon";
    case Http1Error::kBadFieldValue: return "a field value has a control character";
  }
  return "";
}

bool is_token_character(char c) {
  const char lower = base::ascii_lower(c);
  if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

base::Result<Field, Http1Error> parse_field_line(std::string_view line) {
  if (!line.empty() && is_blank(line.front())) return Http1Error::kFolded;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return Http1Error::kBadFieldName;
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return Http1Error::kBadFieldValue;
  return Field{std::string(line.substr(0, colon)), std::string(value)};
}

const std::string* find_field(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (base::equal_ignore_case(field.name, name)) return &field.value;
  }
  return nullptr;
}

size_t count_fields(const Fields& fields, std::string_view name) {
  return static_cast<size_t>(std::count_if(
      fields.begin(), fields.end(), [name](const Field& field) { return base::equal_ignore_case(field.name, name); }));
}

void append_field_text(std::string& out, std::string_view text) {
  if (is_field_value(text)) {
    out += text;
    return;
  }
  for (const char c : text) out += is_field_value({&c, 1}) ? c : ' ';
}

void append_fields(std::string& out, const Fields& fields) {
  for (const Field& field : fields) {
    SLUICE_ASSERT(is_token(field.name));
    out.append(field.name).append(": ");
    append_field_text(out, field.value);
    out += "\r\n";
  }
}

bool has_list_item(const Fields& fields, std::string_view name, std::string_view token) {
  bool found = false;
  each_list_item(fields, name, [&](std::string_view item) { found = found || base::equal_ignore_case(item, token); });
  return found;
}

HeadLines::Next HeadLines::next(std::string_view held) {
  const std::string_view head = held.substr(0, head_bytes_max);
  const size_t line_feed = head.find('\n', scanned_);
  if (line_feed == std::string_view::npos) {
    scanned_ = head.size();
    return {head.size() == head_bytes_max ? State::kTooLarge : State::kNeedMore, {}};
  }
  const std::string_view line = head.substr(line_at_, line_feed - line_at_);
  if (!line.ends_with('\r')) return {State::kBareLineFeed, {}};
  line_at_ = scanned_ = line_feed + 1;
  return {State::kLine, line.substr(0, line.size() - 1)};
}

}  // namespace sluice::wire
