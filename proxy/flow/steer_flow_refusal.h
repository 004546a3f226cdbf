#pragma once
// How a steering client refuses: in the language in which it was asked, or, once the app believes that it talks to its
// origin, in the language that it speaks itself.
#include "proxy/flow/refusal.h"
#include "proxy/flow/steer_flow_context.h"

namespace sluice::flow {

// The way to the origin is open, as far as the app knows.
void grant(const SteerContext& context, Way::In in);

// The request itself is no good: answered and counted, not recorded.
void refuse_request(Dialect dialect, CloseReason reason, std::string_view detail, const SteerContext& context);

// The client's own verdict, which stands in the record: a page, an alert, a status. `held`: what the app sent.
void refuse_by_verdict(const Way& way, policy::Protocol protocol, const base::Chunk& held, CloseReason reason,
                       std::string_view detail, const SteerContext& context);

// The origin could not be reached, or the PoP refused.
void refuse_failed(const Way& way, policy::Protocol protocol, const base::Chunk& held, CloseReason reason,
                   std::string_view detail, const SteerContext& context);

}  // namespace sluice::flow
