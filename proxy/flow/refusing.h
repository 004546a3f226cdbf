#pragma once
// Refusing: the answer is on its way and the record is written; let the client read and close, then close. What it
// still sends is read and dropped: unread bytes would turn our close into a reset that destroys the answer.
#include <optional>

#include "proxy/flow/limits.h"
#include "proxy/flow/stage_context.h"

namespace sluice::flow {

class Refusing {
 public:
  static constexpr const char* name = "refusing";

  Refusing(base::Time now, CloseReason reason) : deadline_(now + refusal_linger), reason_(reason) {}

  void on(Received&&, const StageContext&) {}
  void on(ReadEnded&& input, const StageContext& context) {
    if (input.side == Side::kClient) close(context);
  }
  void on(Reset&& input, const StageContext& context) {
    if (input.side == Side::kClient) close(context);
  }
  void on(PolicyChanged&&, const StageContext&) {}
  void on(AuthDone&&, const StageContext&) {}  // the head's deadline came first
  void on(Resumed&&, const StageContext&) {}   // asked for before
  void on(Sent&&, const StageContext&) {}
  void on(Tick&&, const StageContext& context) { close(context); }
  void on(Shutdown&&, const StageContext& context) { close(context); }
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  void close(const StageContext& context) const;

  base::Time deadline_;
  CloseReason reason_;
};

// Done: Close was asked for; the machine hears nothing more.
struct Done {
  static constexpr const char* name = "done";
  CloseReason reason;
  std::optional<base::Time> deadline() const { return std::nullopt; }
};

}  // namespace sluice::flow
