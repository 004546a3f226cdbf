#include "proxy/flow/proxy_flow.h"

#include <string>

#include "proxy/base/assert.h"
#include "proxy/flow/input_name.h"

namespace sluice::flow {

namespace {

template <class StageT, class InputT>
std::string unexpected_pair() {
  return std::string("unexpected ") + input_name<InputT> + " in " + StageT::name;
}

}  // namespace

ProxyFlow::ProxyFlow(std::shared_ptr<const Settings> settings, const base::Endpoint& source, base::Time now,
                     base::WallTime wall)
    : settings_(std::move(settings)) {
  record_.start = wall;
  record_.started = now;
  record_.source = source;
  record_.access_method = settings_->access_method;
  if (settings_->transparent) stage_.emplace<Recognizing>();
}

void ProxyFlow::handle(Input&& input, base::Time now, Outbox& out) {
  SLUICE_ASSERT(!done());
  if (const auto* changed = std::get_if<PolicyChanged>(&input)) settings_ = changed->settings;
  draining_ = draining_ || std::holds_alternative<Draining>(input);
  const StageContext context{*this, *settings_, record_, now, out, draining_};
  std::visit(
      [&](auto& stage, auto&& item) {
        using StageT = std::decay_t<decltype(stage)>;
        using InputT = std::decay_t<decltype(item)>;
        if constexpr (requires { stage.on(std::move(item), context); }) {
          stage.on(std::move(item), context);
        } else if constexpr (!std::is_same_v<InputT, Draining>) {
          record_.policy = unexpected_pair<StageT, InputT>();
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

std::optional<base::Time> ProxyFlow::deadline() const {
  return std::visit([](const auto& stage) { return stage.deadline(); }, stage_);
}

void ProxyFlow::each_record(const std::function<void(FlowRecord&)>& visit) {
  auto* multiplexing = std::get_if<Kept<Multiplexing>>(&stage_);
  if (multiplexing != nullptr && stage_of(*multiplexing).each_record(visit)) return;
  visit(record_);
}

const char* ProxyFlow::stage_name() const {
  return std::visit([](const auto& stage) { return stage.name; }, stage_);
}

void StageContext::finish(CloseReason reason, Stage stage) const {
  if (record.action == Verdict::kUnspecified) record.action = Verdict::kAllow;
  const bool ended = record.close_reason != CloseReason::kUnspecified;
  record.close_reason = reason;
  record.error_stage = stage;
  if (!ended) write_record(Record::State::kClosed);
  out.emplace_back(Close{reason});
  go(Done{reason});
}

uint64_t StageContext::next_event_counter() const {
  SLUICE_ASSERT(flow.ids_ != nullptr);
  return flow.ids_->next_event_counter();
}

void StageContext::vanish() const {
  out.emplace_back(Close{CloseReason::kClientClosed});
  go(Done{CloseReason::kClientClosed});
}

void Refusing::close(const StageContext& context) const {
  context.out.emplace_back(Close{reason_});
  context.go(Done{reason_});
}

}  // namespace sluice::flow
