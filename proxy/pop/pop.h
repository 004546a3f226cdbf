#pragma once
// Pop: the whole of sluice-proxy after its configuration is read: spools, workers, shipper, endpoints.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/proxy_config.h"
#include "proxy/monitor/http_endpoint.h"
#include "proxy/pop/control_plane.h"
#include "proxy/pop/policy_desk.h"
#include "proxy/pop/runtime.h"
#include "proxy/pop/shared.h"
#include "proxy/pop/worker.h"
#include "proxy/report/shipper.h"
#include "proxy/report/spool_root.h"

namespace sluice::pop {

using monitor::HttpEndpoint;

class AdminServer;

// Used by the main thread; the endpoints' threads only read what is atomic.
class Pop {
 public:
  // Starts everything; the error is for the operator.
  static base::Result<std::unique_ptr<Pop>> start(config::LoadedProxy config);
  ~Pop();

  // Reads the configuration file again. A bad one changes nothing; what cannot change while running is an error.
  base::Status reload();

  // --- changes by administrators, one at a time; any thread. The errors are for whoever asked. ---
  base::Result<control::v1::TimedBypass> add_bypass(const control::v1::AddBypassRequest& request);
  base::Result<control::v1::TimedBypass> delete_bypass(const control::v1::DeleteBypassRequest& request);
  control::v1::ListBypassesResponse bypasses() const;
  base::Result<control::v1::ApplyPolicyResponse> apply_policy(const control::v1::ApplyPolicyRequest& request);
  base::Result<control::v1::ApplyPolicyResponse> rollback_policy(const control::v1::RollbackPolicyRequest& request);
  base::Result<control::v1::CheckPolicyResponse> check_policy(const control::v1::CheckPolicyRequest& request);
  base::Result<control::v1::PolicyHistoryResponse> policy_history() const;
  // Version `number` of the history; 0 is what is in force.
  base::Result<control::v1::PolicySource> policy_source(uint64_t number) const;
  control::v1::PopStatus status() const;

  // Stops accepting, lets flows end until the deadline, closes the rest, hands the records to the store.
  void begin_drain();
  bool drained() const;  // no flow is open
  void finish(bool wait_for_store);

 private:
  explicit Pop(config::LoadedProxy config);
  base::Status start_spools();
  base::Status start_workers();
  base::Status start_shipper();
  base::Status start_control();
  base::Status start_endpoints();
  base::Status start_admin_server();

  // --- under change_mutex_ ---
  // What the configuration asks for, ready to be put in force; no policy is chosen when none is configured.
  struct Next {
    std::shared_ptr<const Runtime> runtime;
    std::optional<ChosenPolicy> policy;
  };
  base::Result<Next> next(const config::v1::Proxy& config);
  // On disk first, then to workers and clients. An error changes nothing.
  base::Status put_in_force(const std::shared_ptr<const Runtime>& runtime, const ChosenPolicy* policy);
  base::Status renew();
  base::Result<control::v1::ApplyPolicyResponse> bring_in(const std::string& action, base::Result<ChosenPolicy> chosen);
  void audit(const std::string& actor, const std::string& action, const std::string& target, const std::string& detail);

  // Does what is due; how long there is nothing to do.
  base::Duration tend();
  std::string clients_json() const;
  std::string metrics_text() const;
  HttpEndpoint::Answer ready() const;

  config::LoadedProxy config_;
  Shared shared_;
  std::unique_ptr<report::SpoolRoot> spools_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<report::Shipper> shipper_;
  std::unique_ptr<ControlPlane> control_;
  mutable std::mutex change_mutex_;  // reloads and changes of administrators: one at a time
  std::unique_ptr<PolicyDesk> desk_;
  std::string policy_version_;         // in force; under change_mutex_
  InterceptionPartsPtr interception_;  // likewise
  const base::WallTime started_ = base::wall_now();
  std::unique_ptr<AdminServer> admin_server_;
  mutable std::mutex config_mutex_;  // config_ is shown by the admin endpoint
  std::unique_ptr<HttpEndpoint> health_;
  std::unique_ptr<HttpEndpoint> admin_;
  std::atomic<uint64_t> reloads_failed_{0};
  std::atomic<uint64_t> generation_{0};         // loads of the configuration since the start
  std::atomic<uint64_t> policy_generation_{0};  // of what is in force
};

}  // namespace sluice::pop
