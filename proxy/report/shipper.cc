#include "proxy/report/shipper.h"

#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/report/channel.h"
#include "proxy/report/delivery.h"
#include "proxy/report/limits.h"
#include "proxy/report/publish_stream.h"

namespace sluice::report {

// Owns the thread, the channel and a Delivery for every spool not yet drained.
class Shipper::Impl {
 public:
  Impl(SpoolRoot& root, ShipperOptions options, const std::shared_ptr<grpc::Channel>& channel)
      : root_(root),
        options_(std::move(options)),
        stub_(events::v1::Ingest::NewStub(channel)),
        random_(options_.seed != 0 ? options_.seed : base::random_u64()) {
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

  base::Status reload_certificates() {
    if (!options_.tls) return base::Unit{};
    auto channel = open_channel(options_.address, options_.tls, "events");
    if (!channel) return channel.error();
    const std::lock_guard lock(next_channel_mutex_);
    next_channel_ = *std::move(channel);
    inbox_.wake();
    return base::Unit{};
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
      take_next_channel(now);
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

  // What streams live is given up: a certificate is replaced because it must not be used any more.
  void take_next_channel(SteadyTime now) {
    const std::lock_guard lock(next_channel_mutex_);
    const auto channel = std::exchange(next_channel_, nullptr);
    if (channel == nullptr) return;
    for (auto& delivery : deliveries_) delivery->reconnect(now);
    stub_ = events::v1::Ingest::NewStub(channel);
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
  const ShipperOptions options_;
  ShipperMetrics metrics_;
  ShipperInbox inbox_;
  std::mutex progress_mutex_;
  std::condition_variable progress_;

  std::mutex next_channel_mutex_;
  std::shared_ptr<grpc::Channel> next_channel_;  // null: nothing new

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
  const auto channel = open_channel(options.address, options.tls, "events");
  if (!channel) return channel.error();
  return std::unique_ptr<Shipper>(new Shipper(std::make_unique<Impl>(root, std::move(options), *channel)));
}

Shipper::Shipper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shipper::~Shipper() = default;

bool Shipper::drain(std::chrono::steady_clock::time_point deadline) {
  return impl_->drain(deadline);
}
base::Status Shipper::reload_certificates() {
  return impl_->reload_certificates();
}
const ShipperMetrics& Shipper::metrics() const {
  return impl_->metrics();
}

}  // namespace sluice::report
