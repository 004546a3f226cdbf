#include "proxy/pop/pop.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "proxy/config/show.h"
#include "proxy/pop/admin_server.h"
#include "proxy/pop/limits.h"
#include "proxy/report/adopt.h"

namespace sluice::pop {

namespace {

// Two descriptors a flow, two more for its pipes when it is bulk.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

report::WhenFull when_full_of(const std::string& word) {
  return word == "drop_oldest" ? report::WhenFull::kDropOldest : report::WhenFull::kRefuseNewFlows;
}

// `now` is where we listen; a file may still say "any free port".
bool same_address(const std::string& now, const std::string& next) {
  if (now == next) return true;  // none at all, for an admin with a socket only
  if (now.empty() || next.empty()) return false;
  const base::Endpoint wanted = config::endpoint_of(next);
  return wanted.port == 0 && wanted.address == config::endpoint_of(now).address;
}

// Whether a service that is there stays where it is; `Service` is Health or Admin.
template <class Service>
bool same_service(bool there, const Service& now, bool wanted, const Service& next) {
  return there == wanted && (!there || same_address(now.address(), next.address()));
}

// What workers are built around cannot change under them; the rest of the configuration can.
std::string fixed_part_changed(const config::v1::Proxy& now, const config::v1::Proxy& next) {
  using google::protobuf::util::MessageDifferencer;
  if (now.name() != next.name()) return "name";
  if (now.tenant() != next.tenant()) return "tenant";
  if (config::worker_count(now) != config::worker_count(next)) return "workers";
  if (!MessageDifferencer::Equals(now.spool(), next.spool())) return "spool";
  if (!MessageDifferencer::Equals(now.events(), next.events())) return "events";
  if (!same_service(now.has_health(), now.health(), next.has_health(), next.health())) return "health";
  const bool same_control = same_service(now.has_control(), now.control(), next.has_control(), next.control());
  if (!same_control || !MessageDifferencer::Equals(now.control().tls(), next.control().tls())) return "control";
  if (now.state() != next.state()) return "state";
  if (now.admin().socket() != next.admin().socket()) return "admin.socket";
  if (!same_service(now.has_admin(), now.admin(), next.has_admin(), next.admin())) return "admin";
  if (!std::equal(now.origin().dns_servers().begin(), now.origin().dns_servers().end(),
                  next.origin().dns_servers().begin(), next.origin().dns_servers().end())) {
    return "origin.dns_servers";
  }
  if (now.listeners_size() != next.listeners_size()) return "listeners";
  for (int i = 0; i < now.listeners_size(); ++i) {
    const std::string path = "listeners[" + std::to_string(i) + "]";
    if (now.listeners(i).name() != next.listeners(i).name()) return path + ".name";
    if (now.listeners(i).kind() != next.listeners(i).kind()) return path + ".kind";
    if (!same_address(now.listeners(i).address(), next.listeners(i).address())) return path + ".address";
  }
  return "";
}

void keep_addresses(const config::v1::Proxy& now, config::v1::Proxy& next) {
  for (int i = 0; i < now.listeners_size(); ++i) next.mutable_listeners(i)->set_address(now.listeners(i).address());
  if (now.has_health()) next.mutable_health()->set_address(now.health().address());
  if (now.has_control()) next.mutable_control()->set_address(now.control().address());
  if (now.has_admin()) next.mutable_admin()->set_address(now.admin().address());
}

}  // namespace

base::Result<std::unique_ptr<Pop>> Pop::start(config::LoadedProxy config) {
  raise_descriptor_limit();
  std::unique_ptr<Pop> pop(new Pop(std::move(config)));
  const auto& about = pop->config_.message;
  pop->control_ = std::make_unique<ControlPlane>(pop->shared_.notices, about.name(), about.tenant());
  for (const auto step : {&Pop::start_spools, &Pop::start_workers, &Pop::start_shipper, &Pop::start_control,
                          &Pop::start_endpoints, &Pop::start_admin_server}) {
    if (auto status = (pop.get()->*step)(); !status) return status.error();
  }
  return pop;
}

Pop::Pop(config::LoadedProxy config) : config_(std::move(config)) {}

Pop::~Pop() {
  admin_server_.reset();
  admin_.reset();
  health_.reset();
  control_.reset();
  for (const auto& worker : workers_) worker->stop_and_join();
  shipper_.reset();
  workers_.clear();
}

base::Status Pop::start_spools() {
  const auto& spool = config_.message.spool();
  report::SpoolOptions options;
  options.directory = spool.directory();
  options.max_bytes = spool.max_bytes();
  options.when_full = when_full_of(spool.when_full());
  options.observed_by = config_.message.name();
  auto root = report::SpoolRoot::open(std::move(options));
  if (!root) return root.error();
  spools_ = std::move(*root);
  auto adopted = report::adopt_spools(*spools_);
  if (!adopted) return adopted.error();
  for (const std::string& problem : adopted->problems) spdlog::warn("{}", problem);
  if (adopted->spools > 0) {
    spdlog::info("adopted {} spools of earlier runs: {} events were still open and are now truncated", adopted->spools,
                 adopted->truncated_events);
  }
  return base::Unit{};
}

base::Status Pop::start_workers() {
  auto desk = PolicyDesk::open(config_.message.state());
  if (!desk) return desk.error();
  desk_ = *std::move(desk);
  const auto first = next(config_.message);
  if (!first) return first.error();
  Worker::Options options;
  options.builder.tenant = config_.message.tenant();
  options.builder.observed_by = config_.message.name();
  options.dns_servers.assign(config_.message.origin().dns_servers().begin(),
                             config_.message.origin().dns_servers().end());
  std::vector<base::Endpoint> addresses;
  for (const auto& listener : config_.message.listeners()) addresses.push_back(config::endpoint_of(listener.address()));
  for (uint32_t i = 0; i < config::worker_count(config_.message); ++i) {
    auto worker = Worker::create(shared_, *spools_, options, first->runtime);
    if (!worker) return worker.error();
    for (size_t l = 0; l < addresses.size(); ++l) {
      auto bound = (*worker)->listen(l, addresses[l]);
      if (!bound) return bound.error();
      addresses[l] = *bound;  // the first worker chose the port; the others share it
    }
    workers_.push_back(std::move(*worker));
  }
  if (const auto status = put_in_force(first->runtime, first->policy ? &*first->policy : nullptr); !status) {
    return status;
  }
  for (const auto& worker : workers_) worker->start();
  for (size_t l = 0; l < addresses.size(); ++l) {
    auto& listener = *config_.message.mutable_listeners(static_cast<int>(l));
    listener.set_address(addresses[l].to_string());  // with the port that the kernel chose
    spdlog::info("listener {} listening on {}", listener.name(), listener.address());
  }
  return base::Unit{};
}

base::Result<Pop::Next> Pop::next(const config::v1::Proxy& config) {
  Next next;
  if (!config.policy().empty()) {
    auto chosen = desk_->choose(config.policy());
    if (!chosen) return chosen.error();
    next.policy = *std::move(chosen);
  }
  auto interception = load_interception(config, interception_);
  if (!interception) return interception.error();
  auto runtime = make_runtime(config, next.policy ? &next.policy->input : nullptr, *std::move(interception));
  if (!runtime) return runtime.error();
  next.runtime = *std::move(runtime);
  return next;
}

base::Status Pop::put_in_force(const std::shared_ptr<const Runtime>& runtime, const ChosenPolicy* policy) {
  for (const std::string& warning : runtime->warnings) spdlog::warn("{}", warning);
  if (policy != nullptr) {
    if (const auto accepted = desk_->accept(*policy); !accepted) return accepted.error();
  }
  if (interception_ == nullptr) leaf_keys_since_ = base::time_now();
  runtime_ = runtime;
  interception_ = runtime->interception;
  policy_version_ = runtime->policy ? runtime->policy->version() : "";
  if (runtime->policy) {
    spdlog::info("policy {} of tenant {}", policy_version_, runtime->policy->tenant());
  }
  generation_.fetch_add(1, std::memory_order_relaxed);
  policy_generation_.store(policy == nullptr ? 0 : desk_->generation(), std::memory_order_relaxed);
  for (const auto& worker : workers_) worker->apply(runtime);
  control_->put_in_force(*runtime, desk_->generation(), desk_->timed());
  return base::Unit{};
}

base::Status Pop::start_shipper() {
  const auto& events = config_.message.events();
  if (!config_.message.has_events()) {
    spdlog::warn("no event store is configured: records stay in {}", config_.message.spool().directory());
    return base::Unit{};
  }
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

base::Status Pop::start_control() {
  if (config_.message.has_control()) {
    auto bound = control_->serve(config_.message,
                                 [this](events::v1::Record record) { workers_.front()->append(std::move(record)); });
    if (!bound) return bound.error();
    config_.message.mutable_control()->set_address(bound->to_string());
    spdlog::info("control listening on {}", bound->to_string());
  }
  control_->start([this] { return tend(); });
  return base::Unit{};
}

std::string Pop::clients_json() const {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json = "{\"clients\": [";
  for (const auto& client : control_->clients()) {
    std::string one;
    (void)google::protobuf::util::MessageToJsonString(client, &one, options);
    json += (json.back() == '[' ? "\n  " : ",\n  ") + one;
  }
  return json + "]}\n";
}

base::Status Pop::start_admin_server() {
  const std::string& socket = config_.message.admin().socket();
  if (socket.empty()) return base::Unit{};
  auto server = AdminServer::start(socket, *this);
  if (!server) return server.error();
  admin_server_ = *std::move(server);
  spdlog::info("administration at unix:{}", socket);
  return base::Unit{};
}

base::Status Pop::start_endpoints() {
  const auto serve = [](HttpEndpoint& endpoint, const char* name, std::string& address) -> base::Status {
    auto bound = endpoint.start(config::endpoint_of(address));
    if (!bound) return base::Error{std::string(name) + ": " + bound.error().message};
    address = bound->to_string();
    spdlog::info("{} listening on {}", name, address);
    return base::Unit{};
  };
  if (config_.message.has_health()) {
    health_ = std::make_unique<HttpEndpoint>();
    health_->get("/metrics", [this] {
      return HttpEndpoint::Answer{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text()};
    });
    health_->get("/healthz", [] { return HttpEndpoint::Answer{200, "text/plain; charset=utf-8", "ok\n"}; });
    health_->get("/readyz", [this] { return ready(); });
    if (auto status = serve(*health_, "health", *config_.message.mutable_health()->mutable_address()); !status)
      return status;
  }
  if (!config_.message.admin().address().empty()) {
    admin_ = std::make_unique<HttpEndpoint>();
    admin_->get("/config", [this] {
      std::lock_guard lock(config_mutex_);
      return HttpEndpoint::Answer{200, "application/yaml; charset=utf-8", config::redacted_yaml(config_.message)};
    });
    admin_->get("/clients", [this] { return HttpEndpoint::Answer{200, "application/json", clients_json()}; });
    // The main thread drains; the same as SIGTERM.
    admin_->post("/drain", [] {
      ::kill(getpid(), SIGTERM);
      return HttpEndpoint::Answer{202, "text/plain; charset=utf-8", "draining\n"};
    });
    if (auto status = serve(*admin_, "admin", *config_.message.mutable_admin()->mutable_address()); !status)
      return status;
  }
  return base::Unit{};
}

HttpEndpoint::Answer Pop::ready() const {
  const char* why = nullptr;
  if (shared_.draining.load(std::memory_order_relaxed)) why = "draining\n";
  for (const auto& worker : workers_) {
    if (!worker->spool_accepts()) why = "the spool is full: new flows are refused\n";
  }
  return why == nullptr ? HttpEndpoint::Answer{200, "text/plain; charset=utf-8", "ready\n"}
                        : HttpEndpoint::Answer{503, "text/plain; charset=utf-8", why};
}

std::string Pop::metrics_text() const {
  Exposition out;
  std::vector<const WorkerMetrics*> metrics;
  uint64_t refusing = 0;
  for (const auto& worker : workers_) {
    metrics.push_back(&worker->metrics());
    refusing += worker->spool_accepts() ? 0 : 1;
  }
  expose(metrics, out);
  out.family("sluice_overload", "gauge", "Workers that refuse new flows because the spool is full.");
  out.sample("sluice_overload", "", refusing);
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
    out.family("sluice_store_reconnects_total", "counter", "Reconnections to the event store.");
    out.sample("sluice_store_reconnects_total", "", shipped.reconnects.load(std::memory_order_relaxed));
  }
  out.family("sluice_policy_version", "gauge", "Load generation of the policy in force; 0 without a policy.");
  out.sample("sluice_policy_version", "", policy_generation_.load(std::memory_order_relaxed));
  out.family("sluice_config_generation", "gauge", "Successful loads of the configuration since start.");
  out.sample("sluice_config_generation", "", generation_.load(std::memory_order_relaxed));
  out.family("sluice_reloads_failed_total", "counter", "Reloads that were refused and changed nothing.");
  out.sample("sluice_reloads_failed_total", "", reloads_failed_.load(std::memory_order_relaxed));
  control_->expose(out);
  monitor::expose_process(out);
  return out.take();
}

base::Status Pop::reload() {
  const auto refuse = [this](std::string message) {
    reloads_failed_.fetch_add(1, std::memory_order_relaxed);
    return base::Error{std::move(message)};
  };
  const std::lock_guard change(change_mutex_);
  auto loaded = config::load_proxy_config(config_.file);
  if (!loaded) return refuse(loaded.error().message);
  const std::string fixed = fixed_part_changed(config_.message, loaded->message);
  if (!fixed.empty()) {
    return refuse(config_.file + ": " + fixed + " cannot change while running; restart sluice-proxy to apply it");
  }
  const auto coming = next(loaded->message);
  if (!coming) return refuse(coming.error().message);
  if (shipper_) {
    if (const auto status = shipper_->reload_certificates(); !status) return refuse(status.error().message);
  }
  if (const auto status = control_->reload_revocations(loaded->message); !status) {
    return refuse(status.error().message);
  }
  const ChosenPolicy* policy = coming->policy ? &*coming->policy : nullptr;
  const bool edited = policy != nullptr && desk_->has_state() && policy->version.number() == 0;
  if (const auto status = put_in_force(coming->runtime, policy); !status) return refuse(status.error().message);
  if (edited) {
    audit("configuration", "policy reload", "version " + std::to_string(desk_->active().number()), policy_version_);
  }
  keep_addresses(config_.message, loaded->message);
  std::lock_guard lock(config_mutex_);
  config_ = std::move(*loaded);
  return base::Unit{};
}

void Pop::begin_drain() {
  shared_.draining.store(true, std::memory_order_relaxed);
  for (const auto& worker : workers_) worker->stop_listening();
}

bool Pop::drained() const {
  return shared_.open_flows.load(std::memory_order_relaxed) == 0;
}

void Pop::finish(bool wait_for_store) {
  for (const auto& worker : workers_) worker->close_flows(flow::CloseReason::kDrain);
  for (const auto& worker : workers_) worker->stop_and_join();
  if (shipper_ && wait_for_store) {
    const auto deadline = std::chrono::steady_clock::now() + store_drain;
    if (!shipper_->drain(deadline)) {
      spdlog::warn("the event store has not acknowledged every record; the rest stays in {} for the next start",
                   config_.message.spool().directory());
    }
  }
}

}  // namespace sluice::pop
