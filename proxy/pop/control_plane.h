#pragma once
// ControlPlane: everything of a PoP that devices hear beside their flows: configuration, notices, revocation; and the
// one thread that tends to it.
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/monitor/exposition.h"
#include "proxy/pop/flow_notices.h"
#include "proxy/pop/runtime.h"
#include "proxy/report/tls_files.h"
#include "sluice/config/v1/proxy.pb.h"
#include "sluice/control/v1/admin.pb.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::pop {

class ControlHub;
class ControlServer;

// Made and destroyed by the main thread, before and after the workers; the rest is for any thread.
class ControlPlane {
 public:
  // `notices` come from the workers; outlives this.
  ControlPlane(FlowNotices& notices, const std::string& pop_name, const std::string& tenant);
  ~ControlPlane();

  // Begins to serve devices. `report` puts a record into a spool of this PoP, from any thread. The address comes back
  // with the port that the kernel chose.
  base::Result<base::Endpoint> serve(const config::v1::Proxy& config, std::function<void(events::v1::Record)> report);
  // Starts the thread. It calls `tend` between notices; `tend` does what is due and says when it wants to be called
  // again.
  void start(std::function<base::Duration()> tend);
  // `tend` is called soon.
  void wake() { notices_.wake(); }

  // A policy came into force: clients hear of it.
  void put_in_force(const Runtime& runtime, uint64_t generation, std::vector<policy::TimedBypass> timed);
  // Reads the list of revoked certificates again and ends their streams.
  base::Status reload_revocations(const config::v1::Proxy& config);

  std::vector<control::v1::ClientStatus> clients() const;
  void expose(monitor::Exposition& out) const;

 private:
  void run(const std::function<base::Duration()>& tend);

  FlowNotices& notices_;
  std::unique_ptr<ControlHub> hub_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

}  // namespace sluice::pop
