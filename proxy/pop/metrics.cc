#include "proxy/pop/metrics.h"

#include <cstdio>

namespace sluice::pop {

Outcome outcome_of(const flow::FlowRecord& record) {
  switch (record.action) {
    case flow::Verdict::kBlock:
    case flow::Verdict::kDrop: return Outcome::kBlock;
    case flow::Verdict::kBypass: return Outcome::kBypass;
    case flow::Verdict::kUnspecified: return Outcome::kEmpty;
    case flow::Verdict::kAllow:
    case flow::Verdict::kAlert: return record.exchange ? Outcome::kInspect : Outcome::kFailed;
  }
  return Outcome::kFailed;
}

void WorkerMetrics::count_flow(Outcome outcome, const flow::FlowRecord& record, uint64_t overhead,
                               base::Duration duration) {
  const auto o = static_cast<size_t>(outcome);
  flows[o].add();
  client_bytes[o].add(record.client_bytes + record.earlier_client_bytes);
  server_bytes[o].add(record.server_bytes + record.earlier_server_bytes);
  overhead_bytes.add(overhead);
  size_t bucket = 0;
  while (bucket < flow_ms_buckets.size() && duration.count() > flow_ms_buckets[bucket]) ++bucket;
  flow_ms[bucket].add();
  flow_ms_sum.add(static_cast<uint64_t>(duration.count()));
}

void WorkerMetrics::count_handshake(flow::Side side, base::Duration took) {
  HandshakeMetrics& of_side = handshakes[static_cast<size_t>(side)];
  size_t bucket = 0;
  while (bucket < handshake_ms_buckets.size() && took.count() > handshake_ms_buckets[bucket]) ++bucket;
  of_side.ms[bucket].add();
  of_side.ms_sum.add(static_cast<uint64_t>(took.count()));
}

namespace {

template <class Pick>
uint64_t sum(const std::vector<const WorkerMetrics*>& workers, Pick pick) {
  uint64_t total = 0;
  for (const WorkerMetrics* worker : workers) total += pick(*worker);
  return total;
}

void expose_flow_seconds(const std::vector<const WorkerMetrics*>& workers, Exposition& out) {
  out.family("sluice_flow_seconds", "histogram", "Duration of flows from accept to close.");
  uint64_t count = 0;
  for (size_t i = 0; i < flow_ms_buckets.size() + 1; ++i) {
    count += sum(workers, [i](const WorkerMetrics& m) { return m.flow_ms[i].value(); });
    char bound[32] = "+Inf";
    if (i < flow_ms_buckets.size()) {
      std::snprintf(bound, sizeof bound, "%g", static_cast<double>(flow_ms_buckets[i]) / 1000);
    }
    out.sample("sluice_flow_seconds_bucket", std::string("le=\"") + bound + "\"", count);
  }
  const uint64_t ms = sum(workers, [](const WorkerMetrics& m) { return m.flow_ms_sum.value(); });
  out.sample("sluice_flow_seconds_sum", "", static_cast<double>(ms) / 1000);
  out.sample("sluice_flow_seconds_count", "", count);
}

void expose_interception(const std::vector<const WorkerMetrics*>& workers, Exposition& out) {
  out.family("sluice_mints_total", "counter",
             "Certificates made for clients; those that were remembered do not count.");
  out.sample("sluice_mints_total", "", sum(workers, [](const WorkerMetrics& m) { return m.mints.value(); }));
  out.family("sluice_handshake_seconds", "histogram", "Duration of TLS handshakes of decrypted flows, by side.");
  static constexpr std::array<const char*, 2> sides{"client", "origin"};
  for (size_t s = 0; s < sides.size(); ++s) {
    const std::string side = std::string("side=\"") + sides[s] + "\"";
    uint64_t count = 0;
    for (size_t i = 0; i < handshake_ms_buckets.size() + 1; ++i) {
      count += sum(workers, [s, i](const WorkerMetrics& m) { return m.handshakes[s].ms[i].value(); });
      char bound[32] = "+Inf";
      if (i < handshake_ms_buckets.size()) {
        std::snprintf(bound, sizeof bound, "%g", static_cast<double>(handshake_ms_buckets[i]) / 1000);
      }
      out.sample("sluice_handshake_seconds_bucket", side + ",le=\"" + bound + "\"", count);
    }
    const uint64_t ms = sum(workers, [s](const WorkerMetrics& m) { return m.handshakes[s].ms_sum.value(); });
    out.sample("sluice_handshake_seconds_sum", side, static_cast<double>(ms) / 1000);
    out.sample("sluice_handshake_seconds_count", side, count);
  }
}

void expose_tunnels(const std::vector<const WorkerMetrics*>& workers, Exposition& out) {
  static constexpr std::array<const char*, drive::turned_away_reasons> reasons{
      "overload", "timeout", "protocol", "certificate", "no_device", "tenant", "revoked"};
  out.family("sluice_tunnels_open", "gauge", "Tunnels of steering clients that are up.");
  out.sample("sluice_tunnels_open", "",
             sum(workers, [](const WorkerMetrics& m) { return m.open_tunnels.load(std::memory_order_relaxed); }));
  out.family("sluice_tunnels_refused_total", "counter", "Connections that did not become a tunnel, by reason.");
  for (size_t r = 0; r < reasons.size(); ++r) {
    out.sample("sluice_tunnels_refused_total", std::string("reason=\"") + reasons[r] + "\"",
               sum(workers, [r](const WorkerMetrics& m) { return m.turned_away[r].value(); }));
  }
  out.family("sluice_policy_disagreements_total", "counter",
             "Flows that their steering client and this PoP judged differently.");
  out.sample("sluice_policy_disagreements_total", "",
             sum(workers, [](const WorkerMetrics& m) { return m.policy_disagreements.value(); }));
}

}  // namespace

void expose(const std::vector<const WorkerMetrics*>& workers, Exposition& out) {
  out.family("sluice_flows_total", "counter", "Flows that ended, by outcome.");
  for (size_t o = 0; o < outcome_names.size(); ++o) {
    out.sample("sluice_flows_total", std::string("outcome=\"") + outcome_names[o] + "\"",
               sum(workers, [o](const WorkerMetrics& m) { return m.flows[o].value(); }));
  }
  out.family("sluice_flows_open", "gauge", "Flows that are open now.");
  out.sample("sluice_flows_open", "",
             sum(workers, [](const WorkerMetrics& m) { return m.open_flows.load(std::memory_order_relaxed); }));
  expose_tunnels(workers, out);
  out.family("sluice_proxy_headers_refused_total", "counter",
             "Connections of balancers that did not begin with a PROXY header that could be believed.");
  out.sample("sluice_proxy_headers_refused_total", "",
             sum(workers, [](const WorkerMetrics& m) { return m.not_introduced.value(); }));
  expose_flow_seconds(workers, out);
  expose_interception(workers, out);
  out.family("sluice_bytes_total", "counter", "Payload of ended flows at the client's side, as in their events.");
  for (size_t o = 0; o < outcome_names.size(); ++o) {
    const std::string outcome = std::string(",outcome=\"") + outcome_names[o] + "\"";
    out.sample("sluice_bytes_total", "direction=\"up\"" + outcome,
               sum(workers, [o](const WorkerMetrics& m) { return m.client_bytes[o].value(); }));
    out.sample("sluice_bytes_total", "direction=\"down\"" + outcome,
               sum(workers, [o](const WorkerMetrics& m) { return m.server_bytes[o].value(); }));
  }
  out.family("sluice_overhead_bytes_total", "counter",
             "Bytes on client sockets of ended flows that belong to no event: requests to the proxy and its replies.");
  out.sample("sluice_overhead_bytes_total", "",
             sum(workers, [](const WorkerMetrics& m) { return m.overhead_bytes.value(); }));
  out.family("sluice_events_total", "counter", "Event records written to the spool, by state.");
  out.sample("sluice_events_total", "state=\"open\"",
             sum(workers, [](const WorkerMetrics& m) { return m.open_records.value(); }));
  out.sample("sluice_events_total", "state=\"closed\"",
             sum(workers, [](const WorkerMetrics& m) { return m.closed_records.value(); }));
}

}  // namespace sluice::pop
