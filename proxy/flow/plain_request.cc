#include "proxy/flow/plain_request.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "proxy/base/text.h"

namespace sluice::flow {

namespace {

// RFC 9110 section 7.6.1, and what clients say to proxies; Host is written anew.
constexpr std::array<std::string_view, 8> for_this_hop{
    "connection", "proxy-connection", "keep-alive", "proxy-authorization",
    "te",         "upgrade",          "host",       "proxy-authenticate"};

std::vector<std::string> nominated(const wire::Fields& fields) {
  std::vector<std::string> names;
  for (const wire::Field& field : fields) {
    if (!base::equal_ignore_case(field.name, "connection")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      std::string_view token = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
      while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
      if (!token.empty()) names.push_back(base::ascii_lower(token));
    }
  }
  return names;
}

}  // namespace

std::string origin_form(const wire::RequestHead& head, const wire::RequestTarget& target) {
  const std::vector<std::string> more = nominated(head.fields);
  const auto goes_on = [&](const wire::Field& field) {
    const std::string name = base::ascii_lower(field.name);
    return std::find(for_this_hop.begin(), for_this_hop.end(), name) == for_this_hop.end() &&
           std::find(more.begin(), more.end(), name) == more.end();
  };
  const wire::Authority& authority = target.authority;
  std::string host = authority.to_string();
  if (authority.port == 80) host.resize(host.rfind(':'));
  std::string text = head.method + " " + target.path + " HTTP/1." + std::to_string(head.minor_version) + "\r\n" +
                     "Host: " + host + "\r\n";
  for (const wire::Field& field : head.fields) {
    if (goes_on(field)) text += field.name + ": " + field.value + "\r\n";
  }
  return text + "Connection: close\r\n\r\n";
}

}  // namespace sluice::flow
