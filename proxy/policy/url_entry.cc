#include "proxy/policy/url_entry.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/policy/limits.h"
#include "proxy/policy/request_path.h"

namespace sluice::policy {

namespace {

// Cuts a port off the end of `host`; false when what stands there is none.
bool take_port(std::string_view& host, uint16_t& port) {
  const size_t colon = host.rfind(':');
  const bool inside_brackets = host.starts_with('[') && (colon == std::string_view::npos || host[colon - 1] != ']');
  if (colon == std::string_view::npos || inside_brackets) return true;
  const auto number = base::parse_decimal(host.substr(colon + 1));
  if (!number || *number == 0 || *number > 65'535) return false;
  port = static_cast<uint16_t>(*number);
  host = host.substr(0, colon);
  return true;
}

base::Result<std::string> path_of(std::string_view text) {
  if (text.size() > path_entry_bytes_max) {
    return base::Error{"has a path longer than " + std::to_string(path_entry_bytes_max) + " bytes"};
  }
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte <= 0x20 || byte >= 0x7f) return base::Error{"has a path with bytes that must be percent-encoded"};
    if (c == '#') return base::Error{"has a fragment (`#`), which no server ever sees"};
    if (c == '*') return base::Error{"has `*` in its path; a path is a prefix, so write it without"};
  }
  std::string path = normalised_path(text);
  return path == "/" ? std::string() : path;
}

}  // namespace

base::Result<UrlEntry> parse_url_entry(std::string_view text) {
  UrlEntry entry;
  if (const auto network = base::Cidr::parse(text)) {
    entry.host.network = network;
    return entry;
  }
  const std::string_view whole = text;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (whole.starts_with(scheme)) text = whole.substr(scheme.size());
  }
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view host = text.substr(0, end);
  if (host.find('@') != std::string_view::npos) return base::Error{"has a user name or password; remove it"};
  if (!base::IpAddress::parse(host) && !take_port(host, entry.port)) {
    return base::Error{"has no port from 1 to 65535 behind its colon"};
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  auto pattern = parse_host_pattern(host);
  if (!pattern) return pattern.error();
  entry.host = std::move(*pattern);
  if (end == text.size()) return entry;
  auto path = path_of(text.substr(end));
  if (!path) return path.error();
  entry.path = std::move(*path);
  return entry;
}

}  // namespace sluice::policy
