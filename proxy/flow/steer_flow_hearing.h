#pragma once
// SteerHearing: the app believes that it talks to its origin; its first words name the host, and a ClientHello can go
// through the tunnel right behind our CONNECT. Nobody is dialled before.
//
//   ClientHello -> SNI   |   HTTP head -> Host   |   anything else, an end, too long a wait -> the address alone
#include <optional>

#include "proxy/flow/steer_flow_context.h"
#include "proxy/flow/steer_flow_verdict.h"
#include "proxy/wire/client_hello.h"
#include "proxy/wire/http1.h"

namespace sluice::flow {

class SteerHearing {
 public:
  static constexpr const char* name = "hearing";

  // `decided`: the verdict on a name that the app gave; else the first words decide.
  SteerHearing(Way way, std::optional<Route> decided) : way_(std::move(way)), decided_(decided) {}
  // Enters the stage, or passes it by, with what the app sent so far.
  void start(base::Chunk held, bool client_ended, const SteerContext& context);

  void on(Received&& input, const SteerContext& context);
  void on(ReadEnded&& input, const SteerContext& context);
  void on(Reset&& input, const SteerContext& context);
  void on(Tick&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  // True when the stage is over.
  bool look(const SteerContext& context);
  bool look_for_request(const SteerContext& context);
  bool understood(std::string_view host, HostSource source, policy::Protocol protocol, const SteerContext& context);

  Way way_;
  std::optional<Route> decided_;
  base::Time deadline_{};
  bool client_ended_ = false;
  base::Chunk held_;
  wire::ClientHelloPeek peek_;
  wire::RequestHeadParser request_;
};

}  // namespace sluice::flow
