#include "proxy/client/client.h"

#include <google/protobuf/util/message_differencer.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "proxy/client/limits.h"
#include "proxy/config/proxy_config.h"
#include "proxy/report/adopt.h"

namespace sluice::client {

using monitor::HttpEndpoint;

namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void announce(const Runtime& runtime) {
  for (const std::string& warning : runtime.warnings) spdlog::warn("{}", warning);
  const auto& steering = *runtime.steering;
  spdlog::info("policy {} of tenant {}, steering configuration {}", steering.policy->version(),
               steering.policy->tenant(), steering.policy->steering_configuration(steering.user));
}

base::Result<std::shared_ptr<const Runtime>> load_runtime(const config::v1::Client& client, uint64_t generation) {
  if (client.policy().empty()) return make_runtime(client, no_policy(client.tenant()));
  auto policy = load_policy(client.policy(), generation);
  if (!policy) return policy.error();
  if (policy->policy->tenant() != client.tenant()) {
    return base::Error{client.policy() + ": tenant: is `" + policy->policy->tenant() +
                       "`, but this client belongs to the tenant `" + client.tenant() + "`"};
  }
  return make_runtime(client, std::move(*policy));
}

base::Status add_pops(const config::v1::Client& client, Worker::Options& options) {
  if (client.pops().empty()) return base::Unit{};
  for (const auto& pop : client.pops()) {
    const base::Endpoint endpoint = config::endpoint_of(pop.address());
    options.pops.push_back({pop.name(), {endpoint.address.to_string(), endpoint.address, endpoint.port}});
  }
  tls::ClientOptions identity;
  identity.trust = client.pops(0).tls().ca();
  identity.certificate = client.pops(0).tls().certificate();
  identity.key = client.pops(0).tls().key();
  auto context = tls::ClientContext::make(identity);
  if (!context) return context.error();
  options.identity = std::move(*context);
  return base::Unit{};
}

// What the worker is built around cannot change under it; the rest of the configuration can.
std::string fixed_part_changed(const config::v1::Client& now, const config::v1::Client& next) {
  using google::protobuf::util::MessageDifferencer;
  if (now.name() != next.name()) return "name";
  if (now.tenant() != next.tenant()) return "tenant";
  if (now.state() != next.state()) return "state";
  if (!MessageDifferencer::Equals(now.spool(), next.spool())) return "spool";
  if (!MessageDifferencer::Equals(now.client_log(), next.client_log())) return "client_log";
  if (!MessageDifferencer::Equals(now.on_network(), next.on_network())) return "on_network";
  if (!MessageDifferencer::Equals(now.hooks(), next.hooks())) return "hooks";
  if (!std::equal(now.pops().begin(), now.pops().end(), next.pops().begin(), next.pops().end(),
                  [](const auto& a, const auto& b) { return MessageDifferencer::Equals(a, b); })) {
    return "pops";
  }
  if (!MessageDifferencer::Equals(now.events(), next.events())) return "events";
  if (!MessageDifferencer::Equals(now.health(), next.health())) return "health";
  if (!std::equal(now.direct().dns_servers().begin(), now.direct().dns_servers().end(),
                  next.direct().dns_servers().begin(), next.direct().dns_servers().end())) {
    return "direct.dns_servers";
  }
  if (now.capture().mode() != next.capture().mode()) return "capture.mode";
  if (now.local_listeners_size() != next.local_listeners_size()) return "local_listeners";
  for (int i = 0; i < now.local_listeners_size(); ++i) {
    if (!MessageDifferencer::Equals(now.local_listeners(i), next.local_listeners(i))) {
      return "local_listeners[" + std::to_string(i) + "]";
    }
  }
  return "";
}

}  // namespace

base::Result<std::unique_ptr<Client>> Client::start(config::LoadedClient config) {
  raise_descriptor_limit();
  std::unique_ptr<Client> client(new Client(std::move(config)));
  for (const auto step : {&Client::start_spool, &Client::start_worker, &Client::start_shipper, &Client::start_health,
                          &Client::start_control, &Client::start_capture}) {
    if (auto status = (client.get()->*step)(); !status) return status.error();
  }
  return client;
}

Client::~Client() {
  control_.reset();
  capture_.reset();
  health_.reset();
  if (worker_) worker_->stop_and_join();
  shipper_.reset();
  worker_.reset();
}

base::Status Client::start_spool() {
  const auto& spool = config_.message.spool();
  report::SpoolOptions options;
  options.directory = spool.directory();
  options.max_bytes = spool.max_bytes();
  options.when_full =
      spool.when_full() == "drop_oldest" ? report::WhenFull::kDropOldest : report::WhenFull::kRefuseNewFlows;
  options.observed_by = config_.message.name();
  auto root = report::SpoolRoot::open(std::move(options));
  if (!root) return root.error();
  spools_ = std::move(*root);
  auto adopted = report::adopt_spools(*spools_);
  if (!adopted) return adopted.error();
  for (const std::string& problem : adopted->problems) spdlog::warn("{}", problem);
  return base::Unit{};
}

base::Status Client::start_worker() {
  const config::v1::Client& client = config_.message;
  auto runtime = load_runtime(client, generation_.load(std::memory_order_relaxed));
  if (!runtime) return runtime.error();
  announce(**runtime);
  Worker::Options options;
  options.builder.tenant = client.tenant();
  options.builder.observed_by = client.name();
  options.client_log = client.client_log();
  options.dns_servers.assign(client.direct().dns_servers().begin(), client.direct().dns_servers().end());
  if (auto status = add_pops(client, options); !status) return status.error();
  if (client.has_on_network()) {
    const auto& network = client.on_network();
    options.network = NetworkProbe::Question{network.host(), base::IpAddress::parse(network.address()).value(),
                                             base::Duration(network.check_every_ms())};
  }
  if (!client.hooks().notify().empty()) {
    auto notifier =
        Notifier::create({client.hooks().notify().begin(), client.hooks().notify().end()}, client.hooks().user());
    if (!notifier) return notifier.error();
    options.notifier = std::move(*notifier);
  }
  auto worker = Worker::create(*spools_, std::move(options), *runtime);
  if (!worker) return worker.error();
  worker_ = std::move(*worker);
  for (const auto& listener : client.local_listeners()) {
    auto bound = worker_->listen(config::endpoint_of(listener.address()));
    if (!bound) return bound.error();
    spdlog::info("listener {} listening on {}", listener.name(), bound->to_string());
  }
  if (client.capture().mode() == "redirect") {
    // One port on both families: redirecting keeps the family.
    auto v4 = worker_->listen_for_captured(*base::Endpoint::parse("127.0.0.1:0"));
    if (!v4) return v4.error();
    auto v6 = worker_->listen_for_captured({*base::IpAddress::parse("::1"), v4->port});
    if (!v6) spdlog::warn("{}: captured IPv6 connections will be refused", v6.error().message);
    capture_port_ = v4->port;
    if (auto status = worker_->watch_packets(); !status) return status.error();
    quic_ = worker_->can_judge_quic() ? QuicRules::kAsk : QuicRules::kRefuse;
    if (!worker_->can_count_quic()) {
      spdlog::warn(
          "capture: the kernel counts no connections; QUIC that passes is recorded without bytes and duration");
    }
  }
  runtime_ = *runtime;
  worker_->start();
  return base::Unit{};
}

CaptureRules Client::capture_rules(const config::v1::Client& client, const Runtime& runtime) const {
  CaptureRules rules;
  rules.ports = {80, 443};
  for (const uint32_t port : client.capture().ports()) rules.ports.push_back(static_cast<uint16_t>(port));
  rules.to_port = capture_port_;
  rules.fails_open = runtime.steering->policy->fails_open(runtime.steering->user);
  rules.quic = quic_;
  for (const auto& pop : client.pops()) {
    rules.own_services.push_back(config::endpoint_of(pop.address()));
    if (!pop.control().empty()) rules.own_services.push_back(config::endpoint_of(pop.control()));
  }
  if (client.has_events()) rules.own_services.push_back(config::endpoint_of(client.events().address()));
  rules.spared_networks = runtime.spared_networks;
  return rules;
}

base::Status Client::start_control() {
  const config::v1::Client& client = config_.message;
  ControlOptions options;
  for (const auto& pop : client.pops()) {
    if (pop.control().empty()) continue;
    options.pops.push_back({pop.control(), {pop.tls().certificate(), pop.tls().key(), pop.tls().ca()}});
  }
  if (options.pops.empty()) return base::Unit{};
  std::error_code error;
  std::filesystem::create_directories(client.state(), error);
  if (error) return base::Error{"state: cannot make the folder " + client.state() + ": " + error.message()};
  options.last_good_file = client.state() + "/policy.pb";
  const flow::Device& device = *runtime_->steering->device;
  options.device.set_hostname(device.hostname);
  options.device.set_device_os(device.os);
  options.device.set_client_version(device.client_version);
  ControlHandlers handlers;
  handlers.on_policy = [this](const ReceivedPolicy& received) { obey(received); };
  handlers.on_notice = [this](const control::v1::FlowNotice& notice) { worker_->show(notice); };
  handlers.on_connection = [this](bool connected, const std::string& why) {
    if (controlled_.exchange(connected) == connected) return;
    if (connected) spdlog::info("control service connected");
    if (!connected) spdlog::warn("no control service, the last policy stays: {}", why);
  };
  auto control = ControlClient::start(std::move(options), std::move(handlers));
  if (!control) return control.error();
  control_ = std::move(*control);
  return base::Unit{};
}

void Client::obey(const ReceivedPolicy& received) {
  const std::lock_guard lock(mutex_);
  pushed_ = LoadedPolicy{received.policy, received.message, {}};
  runtime_ = make_runtime(config_.message, *pushed_);
  worker_->apply(runtime_);
  generation_.store(received.generation, std::memory_order_relaxed);
  spdlog::info("policy {} from PoP {} applied", received.policy->version(), received.pop);
  if (const auto status = recapture(); !status) spdlog::error("{}", status.error().message);
}

base::Status Client::recapture() {
  if (capture_ == nullptr) return base::Unit{};
  CaptureRules rules = capture_rules(config_.message, *runtime_);
  return rules == capture_->rules() ? base::Unit{} : capture_->replace(std::move(rules));
}

// Last: before, a connection brought here would find nobody.
base::Status Client::start_capture() {
  if (capture_port_ == 0) return base::Unit{};
  const std::lock_guard lock(mutex_);
  auto capture = Capture::install(capture_rules(config_.message, *runtime_));
  if (!capture && quic_ == QuicRules::kAsk) {
    quic_ = QuicRules::kRefuse;
    auto plain = Capture::install(capture_rules(config_.message, *runtime_));
    if (plain) spdlog::warn("capture: this kernel's packet filter has no queue; QUIC is refused without asking whose");
    capture = std::move(plain);
  }
  if (!capture) return capture.error();
  capture_ = std::move(*capture);
  spdlog::info("capture: TCP connections of this network namespace come here; the policy fails {}",
               capture_->rules().fails_open ? "open" : "closed");
  if (quic_ == QuicRules::kAsk) {
    spdlog::info("capture: UDP 443 (QUIC) of what is steered is refused, each program by policy");
  } else {
    spdlog::info("capture: UDP 443 (QUIC) is refused for every program except to {} networks of exceptions",
                 capture_->rules().spared_networks.size());
  }
  return base::Unit{};
}

base::Status Client::start_shipper() {
  if (!config_.message.has_events()) {
    spdlog::warn("no event store is configured: records stay in {}", config_.message.spool().directory());
    return base::Unit{};
  }
  const auto& events = config_.message.events();
  report::ShipperOptions options;
  options.address = events.address();
  if (events.has_tls()) {
    options.tls = report::TlsFiles{events.tls().certificate(), events.tls().key(), events.tls().ca()};
  }
  auto shipper = report::Shipper::create(*spools_, std::move(options));
  if (!shipper) return shipper.error();
  shipper_ = std::move(*shipper);
  return base::Unit{};
}

base::Status Client::start_health() {
  if (!config_.message.has_health()) return base::Unit{};
  health_ = std::make_unique<HttpEndpoint>();
  health_->get("/metrics", [this] {
    return HttpEndpoint::Answer{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text()};
  });
  health_->get("/healthz", [] { return HttpEndpoint::Answer{200, "text/plain; charset=utf-8", "ok\n"}; });
  health_->get("/readyz", [this] { return ready(); });
  auto bound = health_->start(config::endpoint_of(config_.message.health().address()));
  if (!bound) return base::Error{"health: " + bound.error().message};
  spdlog::info("health listening on {}", bound->to_string());
  return base::Unit{};
}

HttpEndpoint::Answer Client::ready() const {
  const char* why = nullptr;
  if (draining_.load(std::memory_order_relaxed)) why = "draining\n";
  if (!worker_->spool_accepts()) why = "the spool is full: new flows are refused\n";
  return why == nullptr ? HttpEndpoint::Answer{200, "text/plain; charset=utf-8", "ready\n"}
                        : HttpEndpoint::Answer{503, "text/plain; charset=utf-8", why};
}

std::string Client::policy_version() const {
  const std::lock_guard lock(mutex_);
  return runtime_->steering->policy->version();
}

std::string Client::metrics_text() const {
  monitor::Exposition out;
  worker_->metrics().expose(out);
  out.family("sluice_client_log_lost_total", "counter", "Lines of the client log that the disk refused.");
  out.sample("sluice_client_log_lost_total", "", worker_->log_lines_lost());
  out.family("sluice_spool_bytes", "gauge", "Bytes of records on disk that the store does not have yet.");
  out.sample("sluice_spool_bytes", "", spools_->budget().used());
  out.family("sluice_events_dropped_total", "counter", "Records deleted before the store had them.");
  out.sample("sluice_events_dropped_total", "", spools_->dropped_records());
  if (shipper_) {
    const auto& shipped = shipper_->metrics();
    out.family("sluice_events_acked_total", "counter", "Records that are durable in the store.");
    out.sample("sluice_events_acked_total", "", shipped.records_acked.load(std::memory_order_relaxed));
    out.family("sluice_store_connected", "gauge", "Streams to the event store that are up.");
    out.sample("sluice_store_connected", "", shipped.connected.load(std::memory_order_relaxed));
  }
  out.family("sluice_policy_version", "gauge", "Load generation of the policy in force, and its name.");
  out.sample("sluice_policy_version", "version=\"" + policy_version() + "\"",
             generation_.load(std::memory_order_relaxed));
  out.family("sluice_control_connected", "gauge", "1 while a PoP's control service is connected.");
  out.sample("sluice_control_connected", "", uint64_t{controlled_.load(std::memory_order_relaxed) ? 1u : 0u});
  out.family("sluice_reloads_failed_total", "counter", "Reloads that were refused and changed nothing.");
  out.sample("sluice_reloads_failed_total", "", reloads_failed_.load(std::memory_order_relaxed));
  monitor::expose_process(out);
  return out.take();
}

base::Status Client::reload() {
  const auto refuse = [this](std::string message) {
    reloads_failed_.fetch_add(1, std::memory_order_relaxed);
    return base::Error{std::move(message)};
  };
  auto loaded = config::load_client_config(config_.file);
  if (!loaded) return refuse(loaded.error().message);
  const std::string fixed = fixed_part_changed(config_.message, loaded->message);
  if (!fixed.empty()) {
    return refuse(config_.file + ": " + fixed + " cannot change while running; restart sluice-client to apply it");
  }
  const std::lock_guard lock(mutex_);
  auto runtime = load_runtime(loaded->message, generation_.load(std::memory_order_relaxed) + 1);
  if (!runtime) return refuse(runtime.error().message);
  if (pushed_) runtime = make_runtime(loaded->message, *pushed_);
  announce(**runtime);
  worker_->apply(*runtime);
  runtime_ = *runtime;
  config_ = std::move(*loaded);
  if (!pushed_) generation_.fetch_add(1, std::memory_order_relaxed);
  return recapture();
}

void Client::begin_drain() {
  draining_.store(true, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    capture_.reset();
    capture_port_ = 0;  // a policy that comes now captures nothing
  }
  worker_->stop_listening();
}

bool Client::drained() const {
  return worker_->metrics().open_flows.load(std::memory_order_relaxed) == 0;
}

void Client::finish() {
  worker_->close_flows(flow::CloseReason::kDrain);
  worker_->stop_and_join();
  if (!shipper_) return;
  if (!shipper_->drain(std::chrono::steady_clock::now() + store_drain)) {
    spdlog::warn("the event store has not acknowledged every record; the rest stays in {} for the next start",
                 config_.message.spool().directory());
  }
}

}  // namespace sluice::client
