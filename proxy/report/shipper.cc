#include "proxy/report/shipper.h"

#include <fstream>
#include <iterator>
#include <thread>
#include <unordered_set>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/text.h"
#include "proxy/report/delivery.h"
#include "proxy/report/limits.h"
#include "proxy/report/publish_stream.h"

namespace sluice::report {

namespace {

bool is_loopback(const std::string& address) {
  if (address.starts_with("unix:")) return true;
  if (const auto endpoint = base::Endpoint::parse(address)) {
    const base::IpAddress ip = endpoint->address.unmapped();
    return ip.is_v4() ? ip.v4_host_order() >> 24 == 127 : ip == *base::IpAddress::parse("::1");
  }
  return base::equal_ignore_case(address.substr(0, address.rfind(':')), "localhost");
}

base::Result<std::string> read_pem(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || text.find("-----BEGIN ") == std::string::npos)
    return base::Error{"events.tls: " + path + " is not a readable PEM file"};
  return text;
}

base::Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const ShipperOptions& options) {
  if (!options.tls) {
    if (!is_loopback(options.address)) {
      return base::Error{"events.address " + options.address +
                         " is not loopback: events.tls (certificate, key, ca) is required"};
    }
    return grpc::InsecureChannelCredentials();
  }
  auto certificate = read_pem(options.tls->certificate);
  if (!certificate) return certificate.error();
  auto key = read_pem(options.tls->key);
  if (!key) return key.error();
  auto ca = read_pem(options.tls->ca);
  if (!ca) return ca.error();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_cert_chain = *std::move(certificate);
  ssl.pem_private_key = *std::move(key);
  ssl.pem_root_certs = *std::move(ca);
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(keepalive_interval.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(keepalive_timeout.count()));
  // An idle stream is still watched.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Our back-off paces reconnects; the channel's must not add to it.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(backoff_min.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(backoff_min.count()));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy does not send its own events through somebody's http_proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

// Owns the thread, the channel and a Delivery for every spool not yet drained.
class Shipper::Impl {
 public:
  Impl(SpoolRoot& root, const ShipperOptions& options, const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : root_(root),
        stub_(
            events::v1::Ingest::NewStub(grpc::CreateCustomChannel(options.address, credentials, channel_arguments()))),
        random_(options.seed != 0 ? options.seed : base::random_u64()) {
    thread_ = std::thread([this] { run(); });
    root_.set_listener([this] { inbox_.wake(); });
    inbox_.wake();  // adopted spools are there already
  }

  ~Impl() {
    root_.set_listener(nullptr);
    inbox_.stop();
    thread_.join();
  }

  bool drain(std::chrono::steady_clock::time_point deadline) {
    root_.sync_now();
    std::unique_lock lock(progress_mutex_);
    return progress_.wait_until(lock, deadline, [this] { return all_committed(); });
  }

  const ShipperMetrics& metrics() const { return metrics_; }

 private:
  bool all_committed() const {
    for (const Spool* spool : root_.spools()) {
      if (!spool->all_committed()) return false;
    }
    return true;
  }

  void run() {
    while (!stopping_ || any_active()) {
      ShipperInbox::Content content = inbox_.wait_until(next_deadline());
      if (content.stop && !stopping_) {
        stopping_ = true;
        for (auto& delivery : deliveries_) delivery->cancel();
      }
      const auto now = std::chrono::steady_clock::now();
      for (StreamEvent& event : content.events) dispatch(event, now);
      find_new_spools();
      step(now);
      publish_metrics();
      const std::lock_guard lock(progress_mutex_);
      progress_.notify_all();
    }
  }

  void dispatch(StreamEvent& event, SteadyTime now) {
    for (auto& delivery : deliveries_) {
      if (delivery->stream_id() != event.stream_id) continue;
      delivery->on_event(event, now);
      return;
    }
  }

  void find_new_spools() {
    for (Spool* spool : root_.spools()) {
      if (!known_.insert(spool).second) continue;
      deliveries_.push_back(std::make_unique<Delivery>(*spool, root_.options().observed_by, metrics_, random_));
    }
  }

  void step(SteadyTime now) {
    size_t adopted = 0;
    for (auto& delivery : deliveries_) adopted += delivery->active() && delivery->spool().adopted() ? 1 : 0;
    const Delivery::OpenStream open_stream = [this] {
      return std::make_unique<PublishStream>(*stub_, inbox_, ++last_stream_id_);
    };
    for (auto& delivery : deliveries_) {
      const bool was_active = delivery->active();
      const bool turn = !delivery->spool().adopted() || adopted < adopted_streams_max;
      delivery->step(now, turn && !stopping_, open_stream);
      if (!was_active && delivery->active() && delivery->spool().adopted()) ++adopted;
    }
    std::erase_if(deliveries_,
                  [](const auto& delivery) { return delivery->over() && delivery->spool().remove_drained(); });
  }

  bool any_active() const {
    for (const auto& delivery : deliveries_) {
      if (delivery->active()) return true;
    }
    return false;
  }

  SteadyTime next_deadline() const {
    SteadyTime first = std::chrono::steady_clock::now() + backoff_max;
    for (const auto& delivery : deliveries_) first = std::min(first, delivery->deadline());
    return first;
  }

  void publish_metrics() {
    uint64_t connected = 0;
    for (const auto& delivery : deliveries_) connected += delivery->connected() ? 1 : 0;
    metrics_.connected = connected;
    metrics_.streams = deliveries_.size();
    metrics_.spool_bytes = root_.budget().used();
    metrics_.records_dropped = root_.dropped_records();
  }

  SpoolRoot& root_;
  ShipperMetrics metrics_;
  ShipperInbox inbox_;
  std::mutex progress_mutex_;
  std::condition_variable progress_;

  // The thread's own.
  std::unique_ptr<events::v1::Ingest::Stub> stub_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::unordered_set<const Spool*> known_;
  uint64_t last_stream_id_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

base::Result<std::unique_ptr<Shipper>> Shipper::create(SpoolRoot& root, ShipperOptions options) {
  auto credentials = credentials_of(options);
  if (!credentials) return credentials.error();
  return std::unique_ptr<Shipper>(new Shipper(std::make_unique<Impl>(root, options, *credentials)));
}

Shipper::Shipper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shipper::~Shipper() = default;

bool Shipper::drain(std::chrono::steady_clock::time_point deadline) {
  return impl_->drain(deadline);
}
const ShipperMetrics& Shipper::metrics() const {
  return impl_->metrics();
}

}  // namespace sluice::report
