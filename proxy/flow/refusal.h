#pragma once
// Refusal: how a flow that will not be passed on is answered, in the language in which it asked, and how it is
// recorded.
#include <string>
#include <string_view>

#include "proxy/flow/own_answer.h"
#include "proxy/flow/record.h"
#include "proxy/flow/stage_context.h"
#include "proxy/policy/verdict.h"

namespace sluice::flow {

// How the client speaks to us.
enum class Dialect : uint8_t { kHttp, kSocksMethods, kSocksCredentials, kSocksRequest, kTunnel, kTransparent };

// A refusal in words and as a record has it.
struct RefusalAnswer {
  std::string bytes;
  Verdict action;
  PolicyKind policy_kind;
  const char* policy;
};
// `reason` has one: how a request or a dial can fail, kPolicyBlock, kTunnelLost.
bool has_refusal(CloseReason reason);
RefusalAnswer refusal_answer(Dialect dialect, CloseReason reason, std::string_view proxy_name, std::string_view detail);

// Records the refusal, sends the answer (an alert to TLS that was turned over to us, nothing to others of those), lets
// the client read it, closes. `detail`: one sentence for the client; never
// a secret.
void refuse(const StageContext& context, Dialect dialect, Stage stage, CloseReason reason, std::string_view detail);

// Policy blocks a flow that came through a tunnel: 403 with its reason, because the steering client tells the person.
// The verdict is in the record.
void refuse_by_policy(const StageContext& context, Dialect dialect);

// The same for one request of a relayed connection: notes it in the record and gives the response. `status` 0: that of
// the reason.
OwnAnswer note_refusal(const StageContext& context, Stage stage, CloseReason reason, int status,
                       std::string_view detail);

// The client may talk: 200, or the SOCKS equivalent.
void grant(const StageContext& context, Dialect dialect);

// TLS record of the fatal alert access_denied (RFC 8446 section 6.2).
std::string_view tls_access_denied();

// After the 200; the verdict is in the record. When the client has begun TLS: fatal alert access_denied (RFC 8446
// section 6.2), never a silent reset.
void refuse_tls(const StageContext& context, CloseReason reason, Stage stage = Stage::kPeeking);
// The same when the origin behind the name it spoke cannot be had; fatal alert internal_error where it may be asked
// for.
void fail_tls(const StageContext& context, Stage stage, CloseReason reason);
// When it has sent a plain HTTP request: the block page, in the form that `accept` asks for.
void refuse_page(const StageContext& context, const policy::Notice* notice, std::string_view accept);

}  // namespace sluice::flow
