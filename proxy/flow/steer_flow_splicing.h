#pragma once
// The last stages of a steering client's flow: bytes move by themselves; an answer lingers; the end.
#include <optional>

#include "proxy/flow/steer_flow_context.h"

namespace sluice::flow {

class SteerSplicing {
 public:
  static constexpr const char* name = "splicing";

  explicit SteerSplicing(const SteerContext& context);

  void on(SpliceEnded&& input, const SteerContext& context);
  void on(Tick&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const;

 private:
  base::Time update_at_;
  std::optional<base::Time> total_deadline_;
};

// As Refusing of the PoP: unread bytes would turn our close into a reset that destroys the answer.
class SteerRefusing {
 public:
  static constexpr const char* name = "refusing";

  SteerRefusing(base::Time now, CloseReason reason);

  void on(Received&&, const SteerContext&) {}
  void on(ReadEnded&&, const SteerContext& context) { close(context); }
  void on(Reset&&, const SteerContext& context) { close(context); }
  void on(Tick&&, const SteerContext& context) { close(context); }
  void on(Shutdown&&, const SteerContext& context) { close(context); }
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  void close(const SteerContext& context) const;

  base::Time deadline_;
  CloseReason reason_;
};

// Close was asked for; the machine hears nothing more.
struct SteerDone {
  static constexpr const char* name = "done";
  std::optional<base::Time> deadline() const { return std::nullopt; }
};

}  // namespace sluice::flow
