#pragma once
// Asking policy for the client's verdict, and its words in the record.
#include "proxy/flow/steer_flow_context.h"

namespace sluice::flow {

enum class Route : uint8_t { kDirect, kTunnel, kRefuse };

// With what the record and `way` know now. The verdict is final: it stands in the record.
Route decide_route(const Way& way, policy::Protocol protocol, const SteerContext& context);

// Of a UDP flow to port 443, which has no machine: passes, or is refused so that its program falls back to TCP. The
// verdict stands in the record, which has destination, host and process already.
struct DatagramVerdict {
  bool passes = false;
  policy::Line line = policy::Line::kNone;
};
DatagramVerdict judge_datagram(const SteerSettings& settings, FlowRecord& record);
// Where the packet filter decided without asking, after judge_datagram(): it refused, or it passed the datagram on.
DatagramVerdict refuse_datagram(policy::Line line, FlowRecord& record);
DatagramVerdict pass_datagram(FlowRecord& record);

// Gives the record, which has its event id, the name that the PoP's view of the flow has, too.
void name_correlation(FlowRecord& record);

// A flow that should have been tunnelled goes direct after all: the record says why, and becomes the only one.
void turn_direct(BypassReasonCode code, std::string_view reason, const SteerContext& context);

// What the PoP hears of the flow.
Metadata metadata_of(const FlowRecord& record);

}  // namespace sluice::flow
