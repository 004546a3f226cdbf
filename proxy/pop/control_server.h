#pragma once
// ControlServer: what a PoP offers to devices beside the tunnel, over gRPC with mutual TLS: WatchConfig, and Ingest as
// a relay.
#include <memory>
#include <string>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/pop/control_hub.h"
#include "proxy/pop/relay_service.h"
#include "proxy/pop/stream_budget.h"
#include "sluice/config/v1/proxy.pb.h"
#include "sluice/control/v1/control.grpc.pb.h"

namespace sluice::pop {

class WatchService : public control::v1::Control::CallbackService {
 public:
  WatchService(ControlHub& hub, StreamBudget& budget) : hub_(hub), budget_(budget) {}
  grpc::ServerBidiReactor<control::v1::WatchRequest, control::v1::WatchResponse>* WatchConfig(
      grpc::CallbackServerContext* context) override;

 private:
  ControlHub& hub_;
  StreamBudget& budget_;
};

// Made and destroyed by the main thread; serves on gRPC's. Destroyed before the hub.
class ControlServer {
 public:
  static base::Result<std::unique_ptr<ControlServer>> start(const config::v1::Control& control, ControlHub& hub,
                                                            std::shared_ptr<grpc::Channel> store,
                                                            std::string observed_by, RelayService::Report report);
  ~ControlServer();

  const base::Endpoint& address() const { return address_; }
  RelayService& relay() { return relay_; }

 private:
  ControlServer(ControlHub& hub, std::shared_ptr<grpc::Channel> store, std::string observed_by,
                RelayService::Report report);

  ControlHub& hub_;
  StreamBudget budget_;
  WatchService watch_;
  RelayService relay_;
  base::Endpoint address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::pop
