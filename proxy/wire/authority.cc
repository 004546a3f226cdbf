#include "proxy/wire/authority.h"

#include <algorithm>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (base::ascii_lower(c) >= 'a' && base::ascii_lower(c) <= 'f');
}
bool is_letter(char c) {
  return base::ascii_lower(c) >= 'a' && base::ascii_lower(c) <= 'z';
}

// Hyphens may stand anywhere: names such as "r3---sn-x" and "-a.example" are in use and no resolver misreads them.
bool is_name_character(char c) {
  return is_digit(c) || is_letter(c) || c == '-' || c == '_';
}

// The rule of the URL standard: a host whose last label is a number is an IPv4 address or an error.
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.size() >= 2 && last[0] == '0' && base::ascii_lower(last[1]) == 'x' &&
         std::all_of(last.begin() + 2, last.end(), is_hex_digit);
}

std::string_view without_trailing_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::optional<AuthorityError> check_name(std::string_view text) {
  if (text.empty()) return AuthorityError::kEmptyHost;
  const std::string_view name = without_trailing_dot(text);
  if (name.size() > host_bytes_max) return AuthorityError::kHostTooLong;
  size_t label_bytes = 0;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) > 0x7f) return AuthorityError::kNonAscii;
    if (c != '.' && !is_name_character(c)) return AuthorityError::kBadCharacter;
    if (c == '.' && label_bytes == 0) return AuthorityError::kBadLabel;
    label_bytes = c == '.' ? 0 : label_bytes + 1;
    if (label_bytes > host_label_bytes_max) return AuthorityError::kBadLabel;
  }
  if (label_bytes == 0) return AuthorityError::kBadLabel;
  if (ends_in_number(name) && !base::IpAddress::parse(text)) return AuthorityError::kBadNumericAddress;
  return std::nullopt;
}

std::optional<base::IpAddress> parse_v6(std::string_view text) {
  const auto address = base::IpAddress::parse(text);
  return address && !address->is_v4() ? address : std::nullopt;
}

bool is_bracketed(std::string_view text) {
  return text.starts_with('[') && text.ends_with(']');
}

}  // namespace

const char* describe(AuthorityError error) {
  switch (error) {
    case AuthorityError::kEmptyHost: return "the host is empty";
    case AuthorityError::kHostTooLong: return "the host is longer than 253 bytes";
    case AuthorityError::kBadLabel: return "a label of the host is empty or longer than 63 bytes";
    case AuthorityError::kBadCharacter: return "the host has a character that no name has";
    case AuthorityError::kNonAscii: return "the host is not ASCII";
    case AuthorityError::kBadNumericAddress: return "the host looks like an address but is not a dotted quad";
    case AuthorityError::kBadAddress: return "the host is not an IPv6 address in brackets";
    case AuthorityError::kMissingPort: return "the port is missing";
    case AuthorityError::kBadPort: return "the port is not a number from 1 to 65535";
  }
  return "";
}

std::optional<AuthorityError> check_host(std::string_view text) {
  if (is_bracketed(text)) {
    return parse_v6(text.substr(1, text.size() - 2)) ? std::nullopt : std::optional(AuthorityError::kBadAddress);
  }
  if (text.find(':') != std::string_view::npos && parse_v6(text)) return std::nullopt;
  return check_name(text);
}

base::Result<Host, AuthorityError> parse_host(std::string_view text) {
  if (const auto error = check_host(text)) return *error;
  if (is_bracketed(text)) text = text.substr(1, text.size() - 2);
  if (const auto address = base::IpAddress::parse(text)) return Host{address->to_string(), address};
  return Host{base::ascii_lower(without_trailing_dot(text)), std::nullopt};
}

base::Result<Authority, AuthorityError> parse_authority(std::string_view text, std::optional<uint16_t> default_port) {
  const bool bracket = text.starts_with('[');
  const size_t host_end = bracket ? text.find(']') : text.find(':');
  if (bracket && host_end == std::string_view::npos) return AuthorityError::kBadAddress;
  const std::string_view host_text = bracket ? text.substr(0, host_end + 1) : text.substr(0, host_end);
  std::string_view rest = text.substr(host_text.size());

  uint16_t port = 0;
  if (rest.empty()) {
    if (!default_port) return AuthorityError::kMissingPort;
    port = *default_port;
  } else {
    if (rest[0] != ':') return AuthorityError::kBadAddress;
    rest.remove_prefix(1);
    if (rest.find(':') != std::string_view::npos) return AuthorityError::kBadAddress;
    const auto number = base::parse_decimal(rest);
    if (!number || *number == 0 || *number > 65535) return AuthorityError::kBadPort;
    port = static_cast<uint16_t>(*number);
  }

  auto host = parse_host(host_text);
  if (!host) return host.error();
  return Authority{std::move(host->name), host->address, port};
}

std::string Authority::to_string() const {
  const bool brackets = address && !address->is_v4();
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace sluice::wire
