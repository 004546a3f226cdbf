#pragma once
// Redialing: the client asked for an address, and its ClientHello says a name. The connection made for the address is
// given up before a byte was sent on it; the driver dials our own resolution of the name, so that what policy decided
// on is what is spoken to. The held hello is replayed there. The dialer has its own deadline and always answers.
#include <optional>

#include "proxy/flow/stage_context.h"

namespace sluice::flow {

class Redialing {
 public:
  static constexpr const char* name = "redialing";

  Redialing(base::Chunk held, bool client_ended) : client_ended_(client_ended), held_(std::move(held)) {}

  void on(DialDone&& input, const StageContext& context);
  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked when the address is known
  std::optional<base::Time> deadline() const { return std::nullopt; }

 private:
  bool client_ended_;
  base::Chunk held_;  // the hello and what came behind it
};

}  // namespace sluice::flow
