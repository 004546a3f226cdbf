#include "proxy/client/metrics.h"

#include <cstdio>
#include <string>

namespace sluice::client {

Outcome outcome_of(const flow::FlowRecord& record) {
  using flow::CloseReason;
  switch (record.action) {
    case flow::Verdict::kUnspecified: return Outcome::kEmpty;
    case flow::Verdict::kDrop: return Outcome::kDropped;
    case flow::Verdict::kBlock: return Outcome::kBlocked;
    case flow::Verdict::kBypass:
    case flow::Verdict::kAllow:
    case flow::Verdict::kAlert: break;
  }
  if (record.close_reason == CloseReason::kPolicyBlock) return Outcome::kBlocked;
  if (record.error_stage == flow::Stage::kDialing || record.error_stage == flow::Stage::kGreeting) {
    return Outcome::kFailed;
  }
  if (record.action == flow::Verdict::kBypass) return record.recorded ? Outcome::kBypass : Outcome::kSilent;
  return record.primary ? Outcome::kUncovered : Outcome::kSteered;
}

void Metrics::count_flow(const flow::FlowRecord& record, base::Duration duration) {
  const auto o = static_cast<size_t>(outcome_of(record));
  flows[o].add();
  client_bytes[o].add(record.client_bytes);
  server_bytes[o].add(record.server_bytes);
  size_t bucket = 0;
  while (bucket < flow_ms_buckets.size() && duration.count() > flow_ms_buckets[bucket]) ++bucket;
  flow_ms[bucket].add();
  flow_ms_sum.add(static_cast<uint64_t>(duration.count()));
}

void Metrics::expose(monitor::Exposition& out) const {
  out.family("sluice_flows_total", "counter", "Flows that ended, by outcome.");
  for (size_t o = 0; o < outcome_names.size(); ++o) {
    out.sample("sluice_flows_total", std::string("outcome=\"") + outcome_names[o] + "\"", flows[o].value());
  }
  out.family("sluice_flows_open", "gauge", "Flows that are open now.");
  out.sample("sluice_flows_open", "", open_flows.load(std::memory_order_relaxed));
  out.family("sluice_flow_seconds", "histogram", "Duration of flows from accept to close.");
  uint64_t count = 0;
  for (size_t i = 0; i < flow_ms.size(); ++i) {
    count += flow_ms[i].value();
    char bound[32] = "+Inf";
    if (i < flow_ms_buckets.size()) {
      std::snprintf(bound, sizeof bound, "%g", static_cast<double>(flow_ms_buckets[i]) / 1000);
    }
    out.sample("sluice_flow_seconds_bucket", std::string("le=\"") + bound + "\"", count);
  }
  out.sample("sluice_flow_seconds_sum", "", static_cast<double>(flow_ms_sum.value()) / 1000);
  out.sample("sluice_flow_seconds_count", "", count);
  out.family("sluice_bytes_total", "counter", "Payload of ended flows at the app's side.");
  for (size_t o = 0; o < outcome_names.size(); ++o) {
    const std::string outcome = std::string(",outcome=\"") + outcome_names[o] + "\"";
    out.sample("sluice_bytes_total", "direction=\"up\"" + outcome, client_bytes[o].value());
    out.sample("sluice_bytes_total", "direction=\"down\"" + outcome, server_bytes[o].value());
  }
  out.family("sluice_events_total", "counter", "Event records written to the spool, by state.");
  out.sample("sluice_events_total", "state=\"open\"", open_records.value());
  out.sample("sluice_events_total", "state=\"closed\"", closed_records.value());
  out.family("sluice_on_network", "gauge", "1 on the company's own network, where nothing is tunnelled.");
  out.sample("sluice_on_network", "", on_network.load(std::memory_order_relaxed));
  out.family("sluice_tunnel_up", "gauge", "1 while there is a tunnel to a PoP.");
  out.sample("sluice_tunnel_up", "", tunnel_up.load(std::memory_order_relaxed));
  out.family("sluice_tunnels_total", "counter", "Tunnels that came up.");
  out.sample("sluice_tunnels_total", "", tunnels_made.load(std::memory_order_relaxed));
  out.family("sluice_processes_unknown_total", "counter", "Flows whose process could not be told.");
  out.sample("sluice_processes_unknown_total", "", processes_unknown.value());
  out.family("sluice_quic_packets_total", "counter", "Packets of UDP 443 that were captured and judged.");
  out.sample("sluice_quic_packets_total", "verdict=\"passed\"", quic_passed.value());
  out.sample("sluice_quic_packets_total", "verdict=\"refused\"", quic_refused.value());
}

}  // namespace sluice::client
