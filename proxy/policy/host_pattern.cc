#include "proxy/policy/host_pattern.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/policy/limits.h"

namespace sluice::policy {

namespace {

bool is_below(std::string_view host, std::string_view name) {
  return host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Why a lower-case text is no name, "" when it is one.
std::string why_no_name(std::string_view name) {
  if (name.empty()) return "is empty; write a name such as example.com";
  if (name.size() > host_bytes_max)
    return "is longer than a name may be (" + std::to_string(host_bytes_max) + " bytes)";
  if (name.front() == '.') return "begins with a dot; write `*.example.com` for subdomains only";
  size_t label = 0;
  std::string_view last = name.substr(name.rfind('.') + 1);
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return "has an empty label";
      label = 0;
      continue;
    }
    if (static_cast<uint8_t>(c) >= 0x80) return "is not ASCII; write names of other scripts in their xn-- form";
    if (c == '*') return "has `*` where it cannot stand; it stands once, in front: `*.example.com`";
    if (c == '/')
      return "has a path or a network that is none; paths stand in URL lists, networks have no bits set "
             "behind the prefix";
    if (c == ':') return "has a port or a scheme; ports stand in URL lists";
    const bool plain = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
    if (!plain) return "has a character that no host name has";
    if (++label > label_bytes_max) return "has a label longer than " + std::to_string(label_bytes_max) + " bytes";
  }
  if (label == 0) return "has an empty label";
  if (std::all_of(last.begin(), last.end(), is_digit) || last.starts_with("0x")) {
    return "looks like an address but is none; write 192.0.2.1";
  }
  return "";
}

}  // namespace

std::string HostPattern::to_string() const {
  if (network) return network->to_string();
  switch (scope) {
    case Scope::kTree: return name;
    case Scope::kSelf: return "=" + name;
    case Scope::kBelow: return "*." + name;
  }
  return name;
}

base::Result<HostPattern> parse_host_pattern(std::string_view text) {
  HostPattern pattern;
  pattern.network = base::Cidr::parse(text);
  if (pattern.network) return pattern;
  if (text.starts_with('=')) {
    pattern.scope = HostPattern::Scope::kSelf;
    text.remove_prefix(1);
  } else if (text.starts_with("*.")) {
    pattern.scope = HostPattern::Scope::kBelow;
    text.remove_prefix(2);
  }
  if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
  pattern.name = base::ascii_lower(text);
  if (std::string why = why_no_name(pattern.name); !why.empty()) return base::Error{std::move(why)};
  return pattern;
}

bool covers(const HostPattern& broad, const HostPattern& narrow) {
  using Scope = HostPattern::Scope;
  if (broad.network || narrow.network) return broad.network == narrow.network;
  if (is_below(narrow.name, broad.name)) return broad.scope != Scope::kSelf;
  return narrow.name == broad.name && (broad.scope == Scope::kTree || broad.scope == narrow.scope);
}

bool matches(const HostPattern& pattern, std::string_view host) {
  if (pattern.network) {
    const auto address = base::IpAddress::parse(host);
    return address && pattern.network->contains(address->unmapped());
  }
  switch (pattern.scope) {
    case HostPattern::Scope::kTree: return host == pattern.name || is_below(host, pattern.name);
    case HostPattern::Scope::kSelf: return host == pattern.name;
    case HostPattern::Scope::kBelow: return is_below(host, pattern.name);
  }
  return false;
}

}  // namespace sluice::policy
