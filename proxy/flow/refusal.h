#pragma once
// Refusal: how a flow that will not be passed on is answered, in the language in which it asked, and how it is
// recorded.
#include <string>
#include <string_view>

#include "proxy/flow/record.h"
#include "proxy/flow/stage_context.h"
#include "proxy/policy/verdict.h"

namespace sluice::flow {

// How the client speaks to us.
enum class Dialect : uint8_t { kHttp, kSocksMethods, kSocksCredentials, kSocksRequest };

// Records the refusal, sends the answer, lets the client read it, closes. `detail`: one sentence for the client; never
// a secret.
void refuse(const StageContext& context, Dialect dialect, Stage stage, CloseReason reason, std::string_view detail);

// The client may talk: 200, or the SOCKS equivalent.
void grant(const StageContext& context, Dialect dialect);

// After the 200; the verdict is in the record. When the client has begun TLS: fatal alert access_denied (RFC 8446
// section 6.2), never a silent reset.
void refuse_tls(const StageContext& context, CloseReason reason);
// When it has sent a plain HTTP request: the block page, in the form that `accept` asks for.
void refuse_page(const StageContext& context, const policy::Notice* notice, std::string_view accept);

}  // namespace sluice::flow
