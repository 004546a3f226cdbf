#pragma once
// Blocking: policy refused the name before anything was dialled, and the client speaks to an explicit proxy. A refused
// CONNECT shows people nothing but "proxy error", so the tunnel is granted, the first words are heard, and the answer
// is given in their language: a TLS alert, or a page. The origin is never dialled.
#include <optional>

#include "proxy/flow/refusal.h"
#include "proxy/flow/stage_context.h"
#include "proxy/wire/client_hello.h"
#include "proxy/wire/http1.h"

namespace sluice::flow {

class Blocking {
 public:
  static constexpr const char* name = "blocking";

  explicit Blocking(base::Time deadline) : deadline_(deadline) {}
  // Enters the stage, or passes it by, with what the client sent so far. `verdict` is in the record already.
  void start(Dialect dialect, base::Chunk held, bool client_ended, const StageContext& context);

  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  bool look(const StageContext& context);
  bool look_for_request(const StageContext& context);
  void end(const StageContext& context) const;

  base::Time deadline_;
  base::Chunk held_;
  wire::ClientHelloPeek peek_;
  wire::RequestHeadParser request_;
};

}  // namespace sluice::flow
