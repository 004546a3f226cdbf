#pragma once
// Hearing: the client of a tunnel sent its first bytes right behind the CONNECT. They are understood and decided upon
// before anything is dialled, so that a block is an answer to the CONNECT and nothing reaches the origin.
//
//   whole ClientHello, or not TLS: name binding, policy -> Dialing, or Refusing (403)
//   partial at its deadline, malformed, over 64 KiB    -> Refusing
#include <optional>

#include "proxy/flow/refusal.h"
#include "proxy/flow/stage_context.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/client_hello.h"

namespace sluice::flow {

class Hearing {
 public:
  static constexpr const char* name = "hearing";

  Hearing(Dialect dialect, wire::Authority authority, base::Time deadline)
      : dialect_(dialect), authority_(std::move(authority)), deadline_(deadline) {}
  // Enters the stage, or passes it by. `early` is not empty.
  void start(base::Chunk early, const StageContext& context);

  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked when the first bytes are understood
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  // True when the stage is over.
  bool look(const StageContext& context);
  bool decide(const wire::ClientHello* hello, const StageContext& context);
  bool refuse_here(CloseReason reason, std::string_view detail, const StageContext& context) const;

  Dialect dialect_;
  wire::Authority authority_;
  base::Time deadline_;
  base::Chunk held_;
  wire::ClientHelloPeek peek_;
};

}  // namespace sluice::flow
