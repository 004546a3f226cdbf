#include "proxy/http/fields.h"

#include <algorithm>
#include <vector>

#include "proxy/base/text.h"

namespace sluice::http {

namespace {

bool is_any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view other) { return base::equal_ignore_case(name, other); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return base::equal_ignore_case(text.substr(0, prefix.size()), prefix);
}

bool belongs_to_connection(std::string_view name) {
  switch (base::ascii_lower(name.empty() ? '\0' : name.front())) {
    case 'c': return is_any_of(name, {"connection", "content-length"});
    case 'h': return is_any_of(name, {"http2-settings"});
    case 'k': return is_any_of(name, {"keep-alive"});
    case 'p': return starts_with_ignoring_case(name, "proxy-");
    case 't': return is_any_of(name, {"te", "transfer-encoding"});
    case 'u': return is_any_of(name, {"upgrade"});
    default: return false;
  }
}

}  // namespace

std::string host_field(Scheme scheme, const wire::Authority& authority) {
  std::string text = authority.to_string();
  if (authority.port == default_port(scheme)) text.resize(text.rfind(':'));
  return text;
}

std::string url_of(Scheme scheme, const Request& request) {
  std::string url = scheme == Scheme::kHttp ? "http://" : "https://";
  url += host_field(scheme, request.authority);
  if (request.path != "*") url += request.path;
  return url;
}

namespace {
size_t text_bytes(const Fields& fields) {
  size_t bytes = 0;
  for (const Field& field : fields) bytes += field.name.size() + field.value.size();
  return bytes;
}
}  // namespace

size_t head_bytes(const Request& request) {
  constexpr size_t names = std::string_view(":method:scheme:authority:path").size();
  return names + request.method.size() + url_of(Scheme::kHttps, request).size() + text_bytes(request.fields);
}

size_t head_bytes(const Response& response) {
  constexpr size_t status = std::string_view(":status200").size();
  return status + text_bytes(response.fields);
}

void drop_connection_fields(Fields& fields) {
  std::vector<std::string> named;
  wire::each_list_item(fields, "connection", [&](std::string_view option) { named.emplace_back(option); });
  std::erase_if(fields, [&](const Field& field) {
    if (belongs_to_connection(field.name)) return true;
    return std::any_of(named.begin(), named.end(),
                       [&](const std::string& name) { return base::equal_ignore_case(field.name, name); });
  });
}

void drop_trailer_fields(Fields& trailers) {
  drop_connection_fields(trailers);
  drop_request_fields(trailers);
  std::erase_if(trailers, [](const Field& field) {
    return is_any_of(field.name,
                     {"authorization", "cookie", "set-cookie", "content-type", "content-encoding", "location"});
  });
}

void drop_request_fields(Fields& fields) {
  std::erase_if(fields, [](const Field& field) {
    return is_any_of(field.name, {"host", "expect"}) || starts_with_ignoring_case(field.name, "sluice-");
  });
}

}  // namespace sluice::http
