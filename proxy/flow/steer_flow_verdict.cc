#include "proxy/flow/steer_flow_verdict.h"

#include "proxy/base/text.h"
#include "proxy/flow/steer_flow.h"

namespace sluice::flow {

namespace {

using policy::Fact;

policy::Facts facts_of(const FlowRecord& record, std::optional<base::IpAddress> address, policy::Protocol protocol) {
  policy::Facts facts;
  facts.now = record.start;
  facts.has_client = true;
  if (!record.process_name.empty()) {
    facts.process = Fact<policy::Process>::of(
        {record.process_name, record.process_path, std::string_view{}, policy::Platform::kLinux});
  }
  if (!record.user.empty()) facts.user = Fact<std::string_view>::of(record.user);
  facts.source = record.source.address;
  facts.host = Fact<std::string_view>::of(record.host);
  if (address) facts.address = Fact<base::IpAddress>::of(*address);
  facts.port = record.destination.port;
  facts.protocol = protocol;
  facts.has_ech = record.ech == Ech::kOuter || record.ech == Ech::kInner;
  facts.request = Fact<policy::Request>::never();
  return facts;
}

Route route_of(policy::Path path) {
  switch (path) {
    case policy::Path::kDirect: return Route::kDirect;
    case policy::Path::kTunnel: return Route::kTunnel;
    case policy::Path::kRefuse: return Route::kRefuse;
  }
  return Route::kRefuse;
}

void note_labels(const policy::Facts& facts, const SteerSettings& settings, FlowRecord& record) {
  const policy::HostLabels labels = settings.policy->labels(facts);
  record.app = labels.app;
  record.app_category = labels.app_category;
  record.category = labels.category;
  record.other_categories.assign(labels.other_categories.begin(), labels.other_categories.end());
}

// Asks, and leaves the verdict in the record.
policy::SteerVerdict judge(const policy::Facts& facts, const SteerSettings& settings, FlowRecord& record) {
  const policy::SteerVerdict verdict = settings.policy->steer(facts);
  record.action = static_cast<Verdict>(verdict.action);
  record.policy = verdict.by.rule;
  record.policy_kind = static_cast<PolicyKind>(verdict.by.kind);
  record.policy_layer = Layer::kClient;
  record.policy_version = settings.policy->version();
  record.bypass_mode = static_cast<BypassMode>(verdict.bypass.mode);
  record.bypass_reason_code = static_cast<BypassReasonCode>(verdict.bypass.code);
  record.bypass_reason = verdict.bypass.reason;
  if (verdict.identity != policy::ProcessIdentity::kUnspecified) {
    record.process_identity = static_cast<ProcessIdentity>(verdict.identity);
  }
  const bool bypassed = record.action == Verdict::kBypass;
  // What is steered is the PoP's to record; what no steering configuration covers is nobody's.
  record.recorded = bypassed ? verdict.bypass.recorded : record.action == Verdict::kDrop;
  record.primary = verdict.path != policy::Path::kTunnel;
  note_labels(facts, settings, record);
  return verdict;
}

// True for a bypass: its own reason stays, only the path is another.
bool go_direct(BypassReasonCode code, std::string_view reason, FlowRecord& record) {
  record.primary = true;
  record.bypass_mode = BypassMode::kDirect;
  if (record.action == Verdict::kBypass) return true;
  record.action = Verdict::kBypass;
  record.recorded = true;
  record.policy = reason;
  record.bypass_reason_code = code;
  record.bypass_reason = reason;
  return false;
}

}  // namespace

Route decide_route(const Way& way, policy::Protocol protocol, const SteerContext& context) {
  const policy::Facts facts = facts_of(context.record, way.address, protocol);
  const policy::SteerVerdict verdict = judge(facts, context.settings, context.record);
  context.flow.set_line(verdict.line);
  if (verdict.path == policy::Path::kTunnel && context.settings.on_network) {
    turn_direct(BypassReasonCode::kOnNetwork, "On network", context);
    return Route::kDirect;
  }
  return route_of(verdict.path);
}

DatagramVerdict judge_datagram(const SteerSettings& settings, FlowRecord& record) {
  policy::Facts facts = facts_of(record, record.destination.address.unmapped(), policy::Protocol::kOther);
  facts.transport = policy::Transport::kUdp;
  const policy::SteerVerdict verdict = judge(facts, settings, record);
  if (verdict.path == policy::Path::kDirect) return {true, verdict.line};
  // What is not steered here need not fall back.
  if (settings.on_network && verdict.line != policy::Line::kAppDropped) {
    go_direct(BypassReasonCode::kOnNetwork, "On network", record);
    return {true, policy::Line::kNone};
  }
  return refuse_datagram(verdict.line, record);
}

// A bypass through the tunnel falls back to TCP as what is steered does. One that shall leave no trace leaves none
// here.
DatagramVerdict refuse_datagram(policy::Line line, FlowRecord& record) {
  if (record.action == Verdict::kBypass && !record.recorded) return {false, policy::Line::kNone};
  record.action = Verdict::kDrop;
  record.recorded = record.primary = true;
  record.bypass_mode = BypassMode::kNone;
  record.bypass_reason_code = BypassReasonCode::kUnspecified;
  record.bypass_reason.clear();
  if (record.policy.empty()) {
    record.policy = "QUIC refused";
    record.policy_kind = PolicyKind::kProtocol;
  }
  return {false, line == policy::Line::kAppDropped ? line : policy::Line::kQuicRefused};
}

DatagramVerdict pass_datagram(FlowRecord& record) {
  record.action = Verdict::kUnspecified;  // as the packet filter did, whatever its app's rule says
  go_direct(BypassReasonCode::kDestination, "Network of an exception", record);
  return {true, policy::Line::kException};
}

void name_correlation(FlowRecord& record) {
  if (!record.correlation_id.empty()) return;
  record.correlation_id = (record.device ? record.device->id : "") + "/" + base::hex16(record.producer_id) + "-" +
                          std::to_string(record.event_counter);
}

void turn_direct(BypassReasonCode code, std::string_view reason, const SteerContext& context) {
  if (go_direct(code, reason, context.record)) {
    if (context.flow.line() == policy::Line::kAppTunnelled) context.flow.set_line(policy::Line::kAppDirect);
  } else {
    context.flow.set_line(policy::Line::kNone);  // nothing is tunnelled
  }
}

Metadata metadata_of(const FlowRecord& record) {
  Metadata metadata;
  metadata.flow_id = base::hex16(record.producer_id) + "-" + std::to_string(record.event_counter);
  metadata.process = record.process_name;
  metadata.process_path = record.process_path;
  metadata.process_pid = record.process_pid;
  metadata.source = record.source;
  metadata.verdict = record.action == Verdict::kBypass ? SteeringVerdict::kBypass : SteeringVerdict::kSteer;
  metadata.rule = record.policy;
  metadata.policy_version = record.policy_version;
  return metadata;
}

}  // namespace sluice::flow
