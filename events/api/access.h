#pragma once
// Access: who asks, and whether they may. Tokens come in a header only, never in a cookie or an address, so a foreign
// page cannot make a browser send one.
#include <optional>
#include <string>
#include <string_view>

#include "events/api/http.h"
#include "events/query/tokens.h"

namespace sluice::api {

struct Caller {
  std::string token_id;  // "" without a token
  std::string name;      // of the token, or "local"
  bool may(std::string_view scope) const { return query::has_scope(token, scope); }
  events::v1::Token token;
};

struct AccessRules {
  bool tokens_optional = false;  // on loopback: who carries no token may read and export
};

// Any thread. Borrows the tokens.
class Access {
 public:
  Access(query::Tokens& tokens, AccessRules rules) : tokens_(tokens), rules_(rules) {}

  // The caller, or the answer that refuses: 401 without a valid token, 403 without the scope.
  std::optional<HttpResponse> check(const HttpRequest& request, std::string_view scope, int64_t now_ms,
                                    Caller& caller) const;

 private:
  query::Tokens& tokens_;
  const AccessRules rules_;
};

// The secret that a request carries in `Authorization: Bearer` or `Netskope-Api-Token`; "" if it carries none.
std::string secret_of(const HttpRequest& request);

}  // namespace sluice::api
