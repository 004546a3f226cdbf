#pragma once
// Peeking: hold what arrives until it is clear what the client speaks; then decide.
//
//   nothing from either side: wait, up to the idle timeout (browsers connect ahead of need); never classify
//   client: a whole ClientHello -> name binding, then splice or decrypt   |  an HTTP method -> relay   |  else splice,
//   recorded
//           it names a host and the client had asked for an address -> Redialing
//           partial at its deadline, malformed, over 64 KiB -> close
//   origin speaks first, client silent -> splice (it is not TLS); behind a partial hello it waits its turn
#include <optional>

#include "proxy/flow/stage_context.h"
#include "proxy/policy/facts.h"
#include "proxy/policy/verdict.h"
#include "proxy/wire/client_hello.h"

namespace sluice::flow {

class Peeking {
 public:
  static constexpr const char* name = "peeking";

  explicit Peeking(base::Time idle_deadline) : deadline_(idle_deadline) {}
  // Enters the stage, or passes it by, with what the client sent so far.
  void start(base::Chunk held, bool client_ended, const StageContext& context);

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
  bool block(policy::Protocol protocol, const policy::Notice* notice, const StageContext& context);
  bool redial(const StageContext& context);
  bool relay(const StageContext& context);
  bool intercept(const StageContext& context);
  policy::Protocol spoken() const;
  bool end(CloseReason reason, const StageContext& context) const;

  base::Time deadline_;
  bool client_ended_ = false;
  bool origin_ended_ = false;
  bool maybe_http_ = false;  // the first bytes are the beginning of a method
  base::Chunk held_;         // from the client
  base::Chunk origin_held_;
  wire::ClientHelloPeek peek_;
};

// What the record keeps of a hello.
void note_hello(const wire::ClientHello& hello, FlowRecord& record);
// The name that was checked and dialled must be the name that is spoken to (domain fronting). A client that asked for
// an address had no name checked yet: its hello's becomes the host of the record, to be checked and dialled as we
// resolve it.
enum class NameBinding : uint8_t { kBound, kAnother, kTaken };
NameBinding bind_name(FlowRecord& record);

}  // namespace sluice::flow
