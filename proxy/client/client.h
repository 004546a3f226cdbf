#pragma once
// Client: the whole of sluice-client after its configuration is read: spool, worker, shipper, health.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "proxy/base/result.h"
#include "proxy/client/capture.h"
#include "proxy/client/control_client.h"
#include "proxy/client/worker.h"
#include "proxy/config/client_config.h"
#include "proxy/monitor/http_endpoint.h"
#include "proxy/report/shipper.h"
#include "proxy/report/spool_root.h"

namespace sluice::client {

// Used by the main thread; the endpoint's threads only read what is atomic.
class Client {
 public:
  // Starts everything; the error is for the operator.
  static base::Result<std::unique_ptr<Client>> start(config::LoadedClient config);
  ~Client();

  // Reads configuration and policy again. Bad ones change nothing; what cannot change while running is an error.
  base::Status reload();

  // Stops accepting, lets flows end until the deadline, closes the rest, hands the records on.
  void begin_drain();
  bool drained() const;  // no flow is open
  void finish();

 private:
  explicit Client(config::LoadedClient config) : config_(std::move(config)) {}
  base::Status start_spool();
  base::Status start_worker();
  base::Status start_control();
  base::Status start_capture();
  // A PoP sent a policy: it replaces that of the file. On the control client's thread.
  void obey(const ReceivedPolicy& received);
  base::Status recapture();  // when what it depends on has changed; with mutex_
  CaptureRules capture_rules(const config::v1::Client& client, const Runtime& runtime) const;
  base::Status start_shipper();
  base::Status start_health();
  std::string metrics_text() const;
  std::string policy_version() const;
  monitor::HttpEndpoint::Answer ready() const;

  mutable std::mutex mutex_;  // of config_, runtime_, pushed_ and capture_: main and control thread
  config::LoadedClient config_;
  std::unique_ptr<report::SpoolRoot> spools_;
  std::unique_ptr<Worker> worker_;
  uint16_t capture_port_ = 0;  // 0: no capture
  QuicRules quic_ = QuicRules::kRefuse;
  std::shared_ptr<const Runtime> runtime_;
  std::optional<LoadedPolicy> pushed_;  // by a PoP; absent: the file holds
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<ControlClient> control_;
  std::unique_ptr<report::Shipper> shipper_;
  std::unique_ptr<monitor::HttpEndpoint> health_;
  std::atomic<bool> controlled_{false};  // a PoP's control service is connected
  std::atomic<bool> draining_{false};
  std::atomic<uint64_t> generation_{1};
  std::atomic<uint64_t> reloads_failed_{0};
};

}  // namespace sluice::client
