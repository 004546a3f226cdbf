#pragma once
// Dialing: policy let the name pass; the driver resolves, checks and connects; we keep what the client sends meanwhile
// (a ClientHello sent behind its CONNECT). The dialer has its own deadline and always answers.
#include <optional>

#include "proxy/flow/refusal.h"
#include "proxy/flow/stage_context.h"

namespace sluice::flow {

class Dialing {
 public:
  static constexpr const char* name = "dialing";

  Dialing(Dialect dialect, base::Chunk held, bool client_ended)
      : dialect_(dialect), client_ended_(client_ended), held_(std::move(held)) {}

  void on(DialDone&& input, const StageContext& context);
  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked when the address is known
  std::optional<base::Time> deadline() const { return std::nullopt; }

 private:
  Dialect dialect_;
  bool client_ended_;
  base::Chunk held_;
};

}  // namespace sluice::flow
