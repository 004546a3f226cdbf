#include "proxy/policy/request_path.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace sluice::policy {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  const char lower = base::ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string with_plain_escapes(std::string_view raw) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  text.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    const int high = raw[i] == '%' && i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(raw[i + 2]) : -1;
    if (low < 0) {
      // A `%` that begins no escape is written as one, so that nothing decoded behind it can make it begin another.
      if (raw[i] == '%') {
        text += "%25";
      } else {
        text += raw[i];
      }
      continue;
    }
    const char decoded = static_cast<char>(high * 16 + low);
    if (is_unreserved(decoded)) {
      text += decoded;
    } else {
      text += '%';
      text += digits[static_cast<size_t>(high)];
      text += digits[static_cast<size_t>(low)];
    }
    i += 2;
  }
  return text;
}

// RFC 3986 section 5.2.4 on an absolute path.
std::string without_dot_segments(std::string_view path) {
  std::string result;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = path.substr(at + 1, end - at - 1);  // behind the slash at `at`
    const bool last = end == path.size();
    if (segment == "..") {
      const size_t slash = result.rfind('/');
      result.resize(slash == std::string::npos ? 0 : slash);
      if (last) result += '/';
    } else if (segment == ".") {
      if (last) result += '/';
    } else {
      result.append("/").append(segment);
    }
    at = end;
  }
  return result;
}

}  // namespace

std::string normalised_path(std::string_view raw) {
  const std::string text = with_plain_escapes(raw);
  const size_t query = std::min(text.find('?'), text.size());
  std::string path = text.substr(0, query);
  if (path.empty() || path.front() != '/') path.insert(0, "/");
  return without_dot_segments(path) + text.substr(query);
}

bool path_covers(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  if (prefix.empty() || prefix.size() == path.size() || prefix.back() == '/') return true;
  const char next = path[prefix.size()];
  return next == '/' || next == '?' || next == '&';
}

void PathIndex::add(std::string_view prefix, uint32_t value) {
  values_[std::string(prefix)].push_back(value);
  sizes_.insert(static_cast<uint32_t>(prefix.size()));
}

}  // namespace sluice::policy
