#pragma once
// SteerResolving: the app asked for a name; its address is found out before the verdict, as an app that is captured has
// found it out itself. A name that nobody resolves in time is judged without one, and so is one whose address the
// operator has configured.
#include <optional>

#include "proxy/flow/steer_flow_context.h"

namespace sluice::flow {

class SteerResolving {
 public:
  static constexpr const char* name = "resolving";

  SteerResolving(Way way, base::Chunk held) : way_(std::move(way)), held_(std::move(held)) {}
  void start(const SteerContext& context);

  void on(Resolved&& input, const SteerContext& context);
  void on(Received&& input, const SteerContext& context);
  void on(ReadEnded&& input, const SteerContext& context);
  void on(Reset&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const { return std::nullopt; }

 private:
  Way way_;
  base::Chunk held_;
  bool client_ended_ = false;
  bool reading_held_ = false;
};

}  // namespace sluice::flow
