#pragma once
// StageBox: a stage that lives on the heap. A machine is as large as its largest stage, and most flows rest in a small
// one: what is large pays for itself, and only while a flow is in it.
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "proxy/base/time.h"
#include "proxy/flow/limits.h"

namespace sluice::flow {

// Handles what its stage handles. Belongs to its machine, as the stage would.
template <class StageT>
class StageBox {
 public:
  static constexpr const char* name = StageT::name;

  explicit StageBox(StageT&& stage) : stage_(std::make_unique<StageT>(std::move(stage))) {}

  template <class InputT, class ContextT>
  void on(InputT&& input, const ContextT& context) requires requires(StageT& stage) {
    stage.on(std::forward<InputT>(input), context);
  }
  { stage_->on(std::forward<InputT>(input), context); }
  std::optional<base::Time> deadline() const { return stage_->deadline(); }
  StageT& stage() { return *stage_; }

 private:
  std::unique_ptr<StageT> stage_;
};

template <class StageT>
StageT& stage_of(StageBox<StageT>& box) {
  return box.stage();
}
template <class StageT>
StageT& stage_of(StageT& stage) {
  return stage;
}

// How a machine keeps a stage.
template <class StageT>
using Kept = std::conditional_t<(sizeof(StageT) <= stage_inline_bytes_max), StageT, StageBox<StageT>>;

}  // namespace sluice::flow
