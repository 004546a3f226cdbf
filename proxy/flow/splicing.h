#pragma once
// Splicing: the driver moves bytes by itself; we keep the record current and watch the total time.
#include <optional>

#include "proxy/flow/stage_context.h"

namespace sluice::flow {

class Splicing {
 public:
  static constexpr const char* name = "splicing";

  explicit Splicing(const StageContext& context);

  void on(SpliceEnded&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&& input, const StageContext& context);
  std::optional<base::Time> deadline() const;

 private:
  base::Time update_at_;
  std::optional<base::Time> total_deadline_;
};

// Who has sent FIN already.
struct Ended {
  bool client = false;
  bool origin = false;
};

// Policy lets the flow pass: its record first, then what was held goes on its way.
void begin_splice(const StageContext& context, base::Chunk to_origin, base::Chunk to_client, Ended ended);

}  // namespace sluice::flow
