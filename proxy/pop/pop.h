#pragma once
// Pop: the whole of sluice-proxy after its configuration is read: spools, workers, shipper, endpoints.
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/proxy_config.h"
#include "proxy/monitor/http_endpoint.h"
#include "proxy/pop/control_plane.h"
#include "proxy/pop/runtime.h"
#include "proxy/pop/shared.h"
#include "proxy/pop/worker.h"
#include "proxy/report/shipper.h"
#include "proxy/report/spool_root.h"

namespace sluice::pop {

using monitor::HttpEndpoint;

// Used by the main thread; the endpoints' threads only read what is atomic.
class Pop {
 public:
  // Starts everything; the error is for the operator.
  static base::Result<std::unique_ptr<Pop>> start(config::LoadedProxy config);
  ~Pop();

  // Reads the configuration file again. A bad one changes nothing; what cannot change while running is an error.
  base::Status reload();

  // Stops accepting, lets flows end until the deadline, closes the rest, hands the records to the store.
  void begin_drain();
  bool drained() const;  // no flow is open
  void finish(bool wait_for_store);

 private:
  explicit Pop(config::LoadedProxy config) : config_(std::move(config)) {}
  base::Status start_spools();
  base::Status start_workers();
  base::Status start_shipper();
  base::Status start_control();
  base::Status start_endpoints();
  // What the configuration asks for, ready to be put in force.
  base::Result<std::shared_ptr<const Runtime>> next_runtime(const config::v1::Proxy& config);
  void put_in_force(const std::shared_ptr<const Runtime>& runtime);
  std::string clients_json() const;
  std::string metrics_text() const;
  HttpEndpoint::Answer ready() const;

  config::LoadedProxy config_;
  Shared shared_;
  std::unique_ptr<report::SpoolRoot> spools_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<report::Shipper> shipper_;
  std::unique_ptr<ControlPlane> control_;
  mutable std::mutex config_mutex_;  // config_ is shown by the admin endpoint
  std::unique_ptr<HttpEndpoint> health_;
  std::unique_ptr<HttpEndpoint> admin_;
  std::atomic<uint64_t> reloads_failed_{0};
  std::atomic<uint64_t> generation_{0};  // of what is in force
};

}  // namespace sluice::pop
