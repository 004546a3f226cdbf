#include "proxy/flow/steer_flow.h"

#include <string>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/flow/input_name.h"
#include "proxy/flow/steer_flow_verdict.h"

namespace sluice::flow {

SteerFlow::SteerFlow(std::shared_ptr<const SteerSettings> settings, const base::Endpoint& source, base::Time now,
                     base::WallTime wall)
    : settings_(std::move(settings)) {
  record_.start = wall;
  record_.started = now;
  record_.source = source;
  record_.origin = Origin::kClient;
  record_.access_method = AccessMethod::kClient;
  record_.user = settings_->user;
  record_.device = settings_->device;
  record_.process_identity = ProcessIdentity::kNone;
  record_.recorded = false;  // until the verdict wants it
}

void SteerFlow::handle(Input&& input, base::Time now, Outbox& out) {
  SLUICE_ASSERT(!done());
  const SteerContext context{*this, *settings_, record_, now, out};
  std::visit(
      [&](auto& stage, auto&& item) {
        using InputT = std::decay_t<decltype(item)>;
        if constexpr (std::is_same_v<InputT, PolicyChanged>) {
          // Flows keep the policy under which they began.
        } else if constexpr (requires { stage.on(std::move(item), context); }) {
          stage.on(std::move(item), context);
        } else {
          record_.policy = std::string("unexpected ") + input_name<InputT> + " in " + stage.name;
          record_.policy_kind = PolicyKind::kProtocol;
          context.finish(CloseReason::kInternalError);
        }
      },
      stage_, std::move(input));
  if (next_) {
    stage_ = std::move(*next_);
    next_.reset();
  }
}

std::optional<base::Time> SteerFlow::deadline() const {
  return std::visit([](const auto& stage) { return stage.deadline(); }, stage_);
}

const char* SteerFlow::stage_name() const {
  return std::visit([](const auto& stage) { return stage.name; }, stage_);
}

void SteerContext::write_record(Record::State state) const {
  if (!record.recorded) return;
  record.begun = true;
  name_correlation(record);
  out.emplace_back(Record{state});
}

void SteerContext::announce() const {
  const bool silent = !record.recorded && flow.line() == policy::Line::kNone;
  if (!silent && flow.take_announcement()) out.emplace_back(Announce{flow.line()});
}

void SteerContext::finish(CloseReason reason, Stage stage) const {
  if (record.action == Verdict::kUnspecified) record.action = Verdict::kAllow;
  const bool ended = record.close_reason != CloseReason::kUnspecified;
  record.close_reason = reason;
  record.error_stage = stage;
  if (!ended) write_record(Record::State::kClosed);
  out.emplace_back(Close{reason});
  go(SteerDone{});
}

void SteerContext::vanish() const {
  out.emplace_back(Close{CloseReason::kClientClosed});
  go(SteerDone{});
}

}  // namespace sluice::flow
