#include "events/api/access.h"

#include "events/api/json.h"
#include "proxy/base/ip.h"
#include "proxy/base/text.h"

namespace sluice::api {
namespace {

// Whether `host` (with or without port) is this machine. A name that a stranger's DNS answers with 127.0.0.1 is not:
// pages under such a name must not read what needs no token.
bool names_loopback(const std::string& host) {
  std::string name =
      host.substr(0, host.rfind(':') == std::string::npos || host.ends_with(']') ? host.size() : host.rfind(':'));
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (base::equal_ignore_case(name, "localhost")) return true;
  const auto address = base::IpAddress::parse(name);
  if (!address) return false;
  return address->is_v4() ? address->v4_host_order() >> 24 == 127 : *address == *base::IpAddress::parse("::1");
}

// A request that another site's page made. Browsers say so themselves.
bool is_foreign(const HttpRequest& request) {
  const std::string site = request.header("sec-fetch-site");
  if (site == "cross-site" || site == "same-site") return true;
  const std::string origin = request.header("origin");
  const size_t slashes = origin.find("://");
  return !origin.empty() && (slashes == std::string::npos || origin.substr(slashes + 3) != request.header("host"));
}
}  // namespace

std::string secret_of(const HttpRequest& request) {
  const std::string bearer = request.header("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (bearer.size() > scheme.size() && base::equal_ignore_case(bearer.substr(0, scheme.size()), scheme)) {
    return bearer.substr(scheme.size());
  }
  return request.header("netskope-api-token");
}

std::optional<HttpResponse> Access::check(const HttpRequest& request, std::string_view scope, int64_t now_ms,
                                          Caller& caller) const {
  const std::string secret = secret_of(request);
  if (secret.empty() && rules_.tokens_optional) {
    if (is_foreign(request) || !names_loopback(request.header("host"))) {
      return error(403, "foreign", "requests without a token are answered to this machine's own pages only");
    }
    caller.name = "local";
    caller.token.add_scopes("read");
    caller.token.add_scopes("export");
  } else {
    auto token = secret.empty() ? std::nullopt : tokens_.check(secret, now_ms);
    if (!token) {
      HttpResponse response = error(401, "unauthorized",
                                    secret.empty() ? "this needs a token: Authorization: Bearer TOKEN"
                                                   : "the token is unknown, revoked or expired");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return response;
    }
    caller.token_id = token->id();
    caller.name = token->name();
    caller.token = std::move(*token);
  }
  if (!caller.may(scope)) {
    return error(403, "forbidden", "the token has not the scope " + std::string(scope));
  }
  return std::nullopt;
}

}  // namespace sluice::api
