#include "proxy/client/datagram_flows.h"

#include <utility>
#include <vector>

#include "proxy/client/limits.h"

namespace sluice::client {

using flow::Record;

namespace {

std::string key_of(const base::Endpoint& source, const base::Endpoint& destination) {
  return source.to_string() + " " + destination.to_string();
}

}  // namespace

bool DatagramFlows::holds(const base::Endpoint& source, const base::Endpoint& destination) const {
  return flows_.contains(key_of(source, destination));
}

void DatagramFlows::begin(Flow flow) {
  if (!host_.ask || flows_.size() >= datagram_flows_max) return end(flow, flow::CloseReason::kUnspecified);
  const std::string key = key_of(flow.record.source, flow.record.destination);
  Flow& kept = flows_.insert_or_assign(key, std::move(flow)).first->second;
  host_.write(kept.record, Record::State::kOpen);
  if (armed()) return;
  update_at_ = loop_.now() + datagram_update_every;
  loop_.timers().arm(*this, loop_.now() + datagram_look_every);
}

void DatagramFlows::heard(const KernelConnection& connection, bool over) {
  const auto found = flows_.find(key_of(connection.source, connection.destination));
  if (found == flows_.end()) return;
  flow::FlowRecord& record = found->second.record;
  record.client_bytes = connection.sent_bytes;
  record.server_bytes = connection.received_bytes;
  if (!over) return;
  end(found->second, flow::CloseReason::kIdleTimeout);
  flows_.erase(found);
}

void DatagramFlows::rewrite() {
  for (auto& [key, flow] : flows_) host_.write(flow.record, Record::State::kOpen);
}

void DatagramFlows::end_all(flow::CloseReason reason) {
  ask_all();
  for (auto& [key, flow] : std::exchange(flows_, {})) end(flow, reason);
}

void DatagramFlows::on_timer() {
  ask_all();
  if (loop_.now() >= update_at_) {
    rewrite();
    update_at_ = loop_.now() + datagram_update_every;
  }
  if (!flows_.empty()) loop_.timers().arm(*this, loop_.now() + datagram_look_every);
}

// An answer may say that a connection is over, so the ends are noted first.
void DatagramFlows::ask_all() {
  std::vector<std::pair<base::Endpoint, base::Endpoint>> all;
  for (const auto& [key, flow] : flows_) all.emplace_back(flow.record.source, flow.record.destination);
  for (const auto& [source, destination] : all) host_.ask(source, destination);
}

void DatagramFlows::end(Flow& flow, flow::CloseReason reason) {
  flow.record.close_reason = reason;
  host_.write(flow.record, Record::State::kClosed);
  host_.ended(flow);
}

}  // namespace sluice::client
