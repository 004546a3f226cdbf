#pragma once
// Asking policy for the client's verdict, and its words in the record.
#include "proxy/flow/steer_flow_context.h"

namespace sluice::flow {

enum class Route : uint8_t { kDirect, kTunnel, kRefuse };

// With what the record and `way` know now. The verdict is final: it stands in the record.
Route decide_route(const Way& way, policy::Protocol protocol, const SteerContext& context);

// A flow that should have been tunnelled goes direct after all: the record says why, and becomes the only one.
void turn_direct(BypassReasonCode code, std::string_view reason, const SteerContext& context);

// What the PoP hears of the flow.
Metadata metadata_of(const FlowRecord& record);

}  // namespace sluice::flow
