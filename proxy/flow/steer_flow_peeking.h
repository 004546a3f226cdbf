#pragma once
// SteerPeeking: a direct flow whose app named its host; what it says first goes into the record on its way.
//
//   client: a whole ClientHello, or what is none, or half of one for too long -> splice
//   the origin speaks, or either side ends                                    -> splice
//   nobody speaks: wait, up to the idle timeout
#include <optional>

#include "proxy/flow/steer_flow_context.h"
#include "proxy/wire/client_hello.h"

namespace sluice::flow {

class SteerPeeking {
 public:
  static constexpr const char* name = "peeking";

  explicit SteerPeeking(base::Time idle_deadline) : deadline_(idle_deadline) {}
  // Enters the stage, or passes it by, with what the app sent so far.
  void start(base::Chunk held, bool client_ended, const SteerContext& context);

  void on(Received&& input, const SteerContext& context);
  void on(ReadEnded&& input, const SteerContext& context);
  void on(Reset&& input, const SteerContext& context);
  void on(Tick&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  // True when there is nothing more to wait for.
  bool look(const SteerContext& context);
  void splice(base::Chunk to_client, bool origin_ended, const SteerContext& context);
  void end(CloseReason reason, const SteerContext& context) const;

  base::Time deadline_;
  bool client_ended_ = false;
  base::Chunk held_;
  wire::ClientHelloPeek peek_;
};

}  // namespace sluice::flow
