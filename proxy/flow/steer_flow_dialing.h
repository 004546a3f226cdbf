#pragma once
// SteerDialing: the verdict is known; the driver connects, directly or through the tunnel, and we keep what the app
// sends meanwhile. Without a tunnel the flow goes direct or is refused, as the policy's `fail` wants it.
#include <optional>

#include "proxy/flow/steer_flow_context.h"
#include "proxy/flow/steer_flow_verdict.h"

namespace sluice::flow {

class SteerDialing {
 public:
  static constexpr const char* name = "dialing";

  SteerDialing(Way way, Route route, policy::Protocol protocol, base::Chunk held, bool client_ended)
      : way_(std::move(way)), route_(route), protocol_(protocol), client_ended_(client_ended), held_(std::move(held)) {}
  void start(const SteerContext& context);

  void on(DialDone&& input, const SteerContext& context);
  void on(Received&& input, const SteerContext& context);
  void on(ReadEnded&& input, const SteerContext& context);
  void on(Reset&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const { return std::nullopt; }

 private:
  void dial(const SteerContext& context);
  void failed(DialDone&& input, const SteerContext& context);

  Way way_;
  Route route_;
  policy::Protocol protocol_;
  bool client_ended_;
  base::Chunk held_;
  size_t early_bytes_ = 0;  // of held_, sent with the dial
};

// Goes the way that was decided: dials, or refuses.
void follow(Way way, Route route, policy::Protocol protocol, base::Chunk held, bool client_ended,
            const SteerContext& context);

}  // namespace sluice::flow
