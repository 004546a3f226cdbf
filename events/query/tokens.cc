#include "events/query/tokens.h"

#include <algorithm>
#include <utility>

#include "events/query/limits.h"
#include "proxy/base/text.h"
#include "proxy/tls/digest.h"

namespace sluice::query {

namespace v1 = events::v1;

namespace {
constexpr std::string_view secret_prefix = "sluice_";
constexpr int64_t use_noted_every_ms = 60'000;

QueryFault invalid(std::string message) {
  return {QueryFault::Code::kInvalid, std::move(message), std::nullopt};
}

std::string hash_of(const std::string& secret) {
  return tls::sha256_hex(base::as_bytes(secret));
}
}  // namespace

bool has_scope(const v1::Token& token, std::string_view scope) {
  return std::any_of(token.scopes().begin(), token.scopes().end(),
                     [&](const std::string& held) { return held == scope || held == "admin"; });
}

Answer<v1::CreateTokenResponse> Tokens::create(const v1::CreateTokenRequest& request, int64_t now_ms) {
  if (request.name().empty() || request.name().size() > token_name_bytes_max) {
    return invalid("a token needs a name of at most " + std::to_string(token_name_bytes_max) +
                   " bytes that says who uses it");
  }
  if (request.scopes().empty()) return invalid("a token needs a scope: read, export or admin");
  for (const std::string& scope : request.scopes()) {
    if (std::find(token_scopes.begin(), token_scopes.end(), scope) == token_scopes.end()) {
      return invalid("there is no scope \"" + scope + "\"; scopes are read, export and admin");
    }
  }
  if (request.expires_time() != 0 && request.expires_time() <= now_ms) {
    return invalid("the token would have expired already");
  }
  if (registry_.tokens().size() >= tokens_max) {
    return invalid("there are " + std::to_string(tokens_max) + " tokens already; revoke some");
  }
  v1::CreateTokenResponse response;
  v1::Token& token = *response.mutable_token();
  token.set_id(base::hex16(base::random_u64()).substr(0, 8));
  token.set_name(request.name());
  *token.mutable_scopes() = request.scopes();
  token.set_created_time(now_ms);
  token.set_expires_time(request.expires_time());
  std::string secret(secret_prefix);
  for (int i = 0; i < 4; ++i) secret += base::hex16(base::random_u64());
  if (const auto added = registry_.add_token(token, hash_of(secret)); !added.ok()) {
    return QueryFault{QueryFault::Code::kUnavailable, added.error().message, std::nullopt};
  }
  response.set_secret(std::move(secret));
  return response;
}

v1::ListTokensResponse Tokens::list() {
  v1::ListTokensResponse response;
  for (v1::Token& token : registry_.tokens()) *response.add_tokens() = std::move(token);
  return response;
}

Answer<v1::RevokeTokenResponse> Tokens::revoke(const std::string& id) {
  const auto revoked = registry_.revoke_token(id);
  if (!revoked.ok()) return QueryFault{QueryFault::Code::kUnavailable, revoked.error().message, std::nullopt};
  if (!*revoked) return invalid("there is no token \"" + id + "\"");
  return v1::RevokeTokenResponse();
}

std::optional<v1::Token> Tokens::check(const std::string& secret, int64_t now_ms) {
  if (!secret.starts_with(secret_prefix) || secret.size() > secret_prefix.size() + 64) return std::nullopt;
  auto token = registry_.find_token(hash_of(secret));
  if (!token || (token->expires_time() != 0 && token->expires_time() <= now_ms)) return std::nullopt;
  if (now_ms - token->last_used_time() >= use_noted_every_ms) registry_.note_use(token->id(), now_ms);
  return token;
}

}  // namespace sluice::query
