#include "proxy/tls/identity.h"

#include <array>

#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {

constexpr std::string_view scheme = "sluice://";
constexpr std::string_view device_mark = "/device/";
constexpr std::string_view user_mark = "?user=";
constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Length of the well-formed UTF-8 sequence at the front (RFC 3629: no overlong forms, no surrogates), 0 for none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto follows = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// "" when `text` can be a part of an identity.
std::string why_bad(std::string_view text, size_t bytes_max) {
  if (text.empty()) return "is empty";
  if (text.size() > bytes_max) return "is longer than " + std::to_string(bytes_max) + " bytes";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return "is not UTF-8";
    const auto first = static_cast<uint8_t>(text.front());
    if (first < 0x20 || first == 0x7f) return "has a control character";
    if (first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0) return "has a control character";
    text.remove_prefix(length);
  }
  return "";
}

std::string encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += '%';
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 0xf];
    }
  }
  return out;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_unreserved(text[i])) return std::nullopt;
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const size_t high = hex_digits.find(text[i + 1]);
    const size_t low = hex_digits.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    const char c = static_cast<char>(high << 4 | low);
    if (is_unreserved(c)) return std::nullopt;
    out += c;
    i += 2;
  }
  return out;
}

// What stands before `mark`, which is cut off too.
std::optional<std::string> take_part(std::string_view& rest, std::string_view mark) {
  const size_t at = mark.empty() ? rest.size() : rest.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  auto part = decode(rest.substr(0, at));
  rest.remove_prefix(at + mark.size());
  return part;
}

}  // namespace

base::Result<std::string> format_identity(const DeviceIdentity& identity) {
  struct Part {
    const char* name;
    const std::string& text;
    size_t bytes_max;
  };
  const std::array<Part, 3> parts{{{"tenant", identity.tenant, tenant_bytes_max},
                                   {"device", identity.device, device_bytes_max},
                                   {"user", identity.user, user_bytes_max}}};
  for (const Part& part : parts) {
    if (const std::string why = why_bad(part.text, part.bytes_max); !why.empty()) {
      return base::Error{std::string("the ") + part.name + " " + why};
    }
  }
  return std::string(scheme) + encode(identity.tenant) + std::string(device_mark) + encode(identity.device) +
         std::string(user_mark) + encode(identity.user);
}

std::optional<DeviceIdentity> parse_identity(std::string_view uri) {
  if (uri.size() > identity_uri_bytes_max || !uri.starts_with(scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  const auto tenant = take_part(uri, device_mark);
  if (!tenant || !why_bad(*tenant, tenant_bytes_max).empty()) return std::nullopt;
  const auto device = take_part(uri, user_mark);
  if (!device || !why_bad(*device, device_bytes_max).empty()) return std::nullopt;
  const auto user = take_part(uri, "");
  if (!user || !why_bad(*user, user_bytes_max).empty()) return std::nullopt;
  return DeviceIdentity{*tenant, *device, *user};
}

}  // namespace sluice::tls
