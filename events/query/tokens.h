#pragma once
// Tokens: who may use the HTTP interface, and for what. A secret is 256 random bits; only its SHA-256 is kept.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/query/query_api.h"
#include "events/store/registry.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::query {

// read: search, sums, tail, saved queries. export: pages for collectors, export files. admin: all, and tokens.
inline constexpr std::array<std::string_view, 3> token_scopes{"read", "export", "admin"};

bool has_scope(const events::v1::Token& token, std::string_view scope);

// Any thread. Borrows the registry.
class Tokens {
 public:
  explicit Tokens(store::Registry& registry) : registry_(registry) {}

  Answer<events::v1::CreateTokenResponse> create(const events::v1::CreateTokenRequest& request, int64_t now_ms);
  events::v1::ListTokensResponse list();
  Answer<events::v1::RevokeTokenResponse> revoke(const std::string& id);
  // The token that a request carries; none if it is unknown, revoked or expired. Notes the use once a minute.
  std::optional<events::v1::Token> check(const std::string& secret, int64_t now_ms);

 private:
  store::Registry& registry_;
};

}  // namespace sluice::query
