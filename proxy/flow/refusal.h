#pragma once
// Refusal: how a flow that will not be passed on is answered, in the language in which it asked, and how it is
// recorded.
#include <string>
#include <string_view>

#include "proxy/flow/record.h"
#include "proxy/flow/stage_context.h"

namespace sluice::flow {

// How the client speaks to us.
enum class Dialect : uint8_t { kHttp, kSocksMethods, kSocksCredentials, kSocksRequest };

// Records the refusal, sends the answer, lets the client read it, closes. `detail`: one sentence for the client; never
// a secret.
void refuse(const StageContext& context, Dialect dialect, Stage stage, CloseReason reason, std::string_view detail);

// After the 200, when the client has begun TLS: fatal alert access_denied (RFC 8446 section 6.2), never a silent reset.
void refuse_tls(const StageContext& context, CloseReason reason, PolicyKind kind, const char* policy);

}  // namespace sluice::flow
