#include "proxy/pop/control_plane.h"

#include <algorithm>

#include "proxy/pop/control_hub.h"
#include "proxy/pop/control_server.h"
#include "proxy/pop/limits.h"
#include "proxy/report/channel.h"

namespace sluice::pop {

ControlPlane::ControlPlane(FlowNotices& notices, const std::string& pop_name, const std::string& tenant)
    : notices_(notices), hub_(std::make_unique<ControlHub>(pop_name, tenant)) {}

ControlPlane::~ControlPlane() {
  if (thread_.joinable()) {
    notices_.stop();
    thread_.join();
  }
  server_.reset();
}

base::Result<base::Endpoint> ControlPlane::serve(const config::v1::Proxy& config,
                                                 std::function<void(events::v1::Record)> report) {
  std::shared_ptr<grpc::Channel> store;
  if (config.has_events()) {
    const auto& events = config.events();
    std::optional<report::TlsFiles> tls;
    if (events.has_tls()) tls = report::TlsFiles{events.tls().certificate(), events.tls().key(), events.tls().ca()};
    auto channel = report::open_channel(events.address(), tls, "events");
    if (!channel) return channel.error();
    store = *std::move(channel);
  }
  if (const auto status = reload_revocations(config); !status) return status.error();
  auto server = ControlServer::start(config.control(), *hub_, std::move(store), config.name(), std::move(report));
  if (!server) return server.error();
  server_ = *std::move(server);
  return server_->address();
}

void ControlPlane::start(std::function<base::Duration()> tend) {
  thread_ = std::thread([this, tend = std::move(tend)] { run(tend); });
}

void ControlPlane::run(const std::function<base::Duration()>& tend) {
  while (true) {
    const base::Duration wait = std::clamp(tend(), base::Duration{0}, tend_interval_max);
    const FlowNotices::Content content = notices_.wait_until(std::chrono::steady_clock::now() + wait);
    if (content.stop) return;
    for (const FlowNotice& notice : content.notices) hub_->notify(notice);
  }
}

void ControlPlane::put_in_force(const Runtime& runtime, uint64_t generation, std::vector<policy::TimedBypass> timed) {
  hub_->set_policy({runtime.policy, runtime.policy_message, generation, std::move(timed)});
}

base::Status ControlPlane::reload_revocations(const config::v1::Proxy& config) {
  const std::string& file = config.control().tls().revoked();
  std::shared_ptr<const tls::Revocations> revocations;
  if (!file.empty()) {
    auto loaded = tls::Revocations::load(file);
    if (!loaded) return loaded.error();
    revocations = *std::move(loaded);
  }
  hub_->set_revocations(std::move(revocations));
  if (server_) server_->relay().end_revoked();
  return base::Unit{};
}

std::vector<control::v1::ClientStatus> ControlPlane::clients() const {
  return hub_->clients();
}

void ControlPlane::expose(monitor::Exposition& out) const {
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    out.family(name, "counter", help);
    out.sample(name, "", value);
  };
  const ControlCounters& control = hub_->counters();
  out.family("sluice_clients_connected", "gauge", "Devices that hold WatchConfig open.");
  out.sample("sluice_clients_connected", "", uint64_t{hub_->connected()});
  counter("sluice_config_pushes_total", "Policies handed to clients.", control.pushes);
  counter("sluice_config_acks_total", "Policies that clients put in force.", control.acks);
  counter("sluice_config_refusals_total", "Policies that clients could not use.", control.refusals);
  counter("sluice_flow_notices_total", "Blocks told to clients.", control.notices);
  counter("sluice_flow_notices_dropped_total", "Blocks that could not be told: client away or slow, or too many.",
          control.notices_dropped + notices_.dropped());
  counter("sluice_revoked_streams_total", "Control streams ended or refused for a revoked certificate.",
          control.revoked);
  if (!server_) return;
  const RelayCounters& relay = server_->relay().counters();
  out.family("sluice_relay_streams", "gauge", "Publish streams of devices that are relayed to the event store.");
  out.sample("sluice_relay_streams", "", uint64_t{relay.streams_open});
  counter("sluice_relay_records_total", "Records of devices passed on, resends included.", relay.records);
  counter("sluice_relay_records_refused_total", "Records that a device may not send.", relay.records_refused);
}

}  // namespace sluice::pop
