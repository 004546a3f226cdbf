#include "events/server/event_server.h"

#include <google/protobuf/util/message_differencer.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "events/console/console.h"
#include "events/ingest/bind_reason.h"
#include "events/query/query_service.h"
#include "events/server/pop_clients.h"
#include "events/store/sqlite_store.h"
#include "proxy/base/file.h"
#include "proxy/base/time.h"
#include "proxy/config/log.h"
#include "proxy/config/proxy_config.h"

namespace sluice::server {
namespace {

constexpr std::chrono::hours upkeep_interval{1};
constexpr size_t pem_bytes_max = 1u << 20;  // a certificate bundle of thousands

base::Result<ingest::IngestTls> read_tls(const config::v1::Tls& files) {
  ingest::IngestTls tls;
  for (const auto& [file, text] : {std::pair{&files.certificate(), &tls.certificate}, std::pair{&files.key(), &tls.key},
                                   std::pair{&files.ca(), &tls.client_ca}}) {
    auto content = base::read_file(*file, pem_bytes_max);
    if (!content.ok()) return content.error();
    *text = std::move(content).value();
  }
  return tls;
}
}  // namespace

base::Result<std::unique_ptr<EventServer>> EventServer::start(config::LoadedEvents config) {
  std::unique_ptr<EventServer> server(new EventServer(std::move(config)));
  if (base::Status status = server->start_parts(); !status.ok()) return status.error();
  return server;
}

base::Status EventServer::start_parts() {
  const config::v1::Events& config = config_.message;
  store::SqliteStoreOptions store_options;
  store_options.directory = config.store().sqlite().directory();
  store_options.on_trouble = [](const std::string& sentence) { spdlog::warn("{}", sentence); };
  auto store = store::SqliteStore::open(std::move(store_options));
  if (!store.ok()) return store.error();
  store_ = std::move(store).value();

  auto registry = store::Registry::open(config.store().sqlite().directory());
  if (!registry.ok()) return registry.error();
  registry_ = std::move(registry).value();

  ingest::IngestOptions ingest_options{config::endpoint_of(config.ingest().address()),
                                       std::nullopt,
                                       config.tenant(),
                                       {config.ingest().relays().begin(), config.ingest().relays().end()}};
  if (config.ingest().has_tls()) {
    auto tls = read_tls(config.ingest().tls());
    if (!tls.ok()) return tls.error();
    ingest_options.tls = std::move(tls).value();
  }
  auto ingest = ingest::IngestServer::start(*store_, std::move(ingest_options));
  if (!ingest.ok()) return ingest.error();
  ingest_ = std::move(ingest).value();
  spdlog::info("ingest listening on {}", ingest_->address().to_string());

  if (config.has_query()) {
    auto query = QueryServer::start(config.query().socket(), query::make_query_service(*store_, registry_.get()));
    if (!query.ok()) return query.error();
    query_ = std::move(query).value();
    spdlog::info("query listening on unix:{}", config.query().socket());
  }
  if (config.has_health()) {
    auto health = Health::start(config::endpoint_of(config.health().address()), *store_, *ingest_);
    if (!health.ok()) return health.error();
    health_ = std::move(health).value();
    spdlog::info("health listening on {}", health_->address().to_string());
  }
  if (config.has_http()) {
    if (base::Status status = start_http(); !status.ok()) return status;
  }
  retention_days_ = config.store().sqlite().retention_days();
  upkeep_ = std::thread([this] { run_upkeep(); });
  return base::Unit{};
}

base::Status EventServer::start_http() {
  const config::v1::Http& http = config_.message.http();
  api::ApiOptions options;
  options.name = config_.message.name();
  options.export_directory = config_.message.store().sqlite().directory() + "/exports";
  options.access.tokens_optional = http.tokens() == "optional";
  options.requests_per_second = http.requests_per_second();
  options.console = console::find_file;
  options.pops = make_pop_clients(config_.message);
  options.now_ms = [] { return base::epoch_ms(base::wall_now()); };
  api_ = std::make_unique<api::Api>(*store_, *registry_, std::move(options));
  std::optional<api::HttpTls> tls;
  if (http.has_tls()) tls = api::HttpTls{http.tls().certificate(), http.tls().key()};
  const base::Endpoint endpoint = config::endpoint_of(http.address());
  auto server =
      api::HttpServer::start(endpoint, tls, [this](const api::HttpRequest& request) { return api_->handle(request); });
  if (!server.ok()) {
    const std::string reason = ingest::bind_reason(endpoint);
    return base::Error{server.error().message + (reason.empty() ? "" : ": " + reason)};
  }
  http_ = std::move(server).value();
  spdlog::info("{} listening on {}", tls ? "https" : "http", http_->address().to_string());
  return base::Unit{};
}

EventServer::~EventServer() {
  if (api_) api_->stop();
  if (ingest_) ingest_->stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (upkeep_.joinable()) upkeep_.join();
  http_.reset();
  query_.reset();
  health_.reset();
  ingest_.reset();
  if (store_) store_->close();
}

base::Status EventServer::reload() {
  auto fresh = config::load_events_config(config_.file);
  if (!fresh.ok()) return fresh.error();
  config::v1::Events now = config_.message;
  *now.mutable_log() = fresh->message.log();
  now.mutable_store()->mutable_sqlite()->set_retention_days(fresh->message.store().sqlite().retention_days());
  if (!google::protobuf::util::MessageDifferencer::Equals(now, fresh->message)) {
    spdlog::warn("only log and store.sqlite.retention_days change without a restart");
  }
  spdlog::set_level(spdlog::level::from_str(now.log().level()));
  {
    const std::lock_guard lock(mutex_);
    retention_days_ = now.store().sqlite().retention_days();
    upkeep_due_ = true;
  }
  wake_.notify_all();
  config_.message = std::move(now);
  return base::Unit{};
}

// At start, every hour, and after each reload.
void EventServer::run_upkeep() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!std::exchange(upkeep_due_, false)) {
      wake_.wait_for(lock, upkeep_interval, [this] { return stopping_ || upkeep_due_; });
      upkeep_due_ = true;
      continue;
    }
    const uint32_t days = retention_days_;
    lock.unlock();
    keep_up(days);
    lock.lock();
  }
}

void EventServer::keep_up(uint32_t retention_days) {
  const int64_t now_ms = base::epoch_ms(base::wall_now());
  const auto dropped = store_->retention(now_ms, retention_days);
  if (!dropped.ok()) {
    spdlog::error("retention: {}", dropped.error().message);
  } else if (*dropped > 0) {
    spdlog::info("retention: {} day(s) older than {} days deleted", *dropped, retention_days);
  }
  const auto joined = store_->compact(now_ms, [this] {
    const std::lock_guard lock(mutex_);
    return !stopping_ && !upkeep_due_;
  });
  if (!joined.ok()) {
    spdlog::error("compaction: {}", joined.error().message);
  } else if (*joined > 0) {
    spdlog::info("compaction: {} small blocks of past days went into larger ones", *joined);
  }
}

}  // namespace sluice::server
