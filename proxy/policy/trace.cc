// Policy::trace and Policy::matched_rules: decisions laid open for people.
#include "proxy/policy/trace.h"

#include "proxy/policy/compiled.h"
#include "proxy/policy/decision.h"
#include "proxy/policy/policy.h"

namespace sluice::policy {

namespace {

const char* action_of(const ExceptionRule& rule) {
  if (!rule.is_app) return "bypass";
  if (rule.blocks) return "block";
  return rule.tunnels ? "bypass, mode tunnel" : "bypass, mode direct";
}

const char* action_of(const TimedRule&) {
  return "bypass";
}

const char* action_of(const SslRule& rule) {
  return rule.decrypts ? "decrypt" : "do_not_decrypt";
}

const char* action_of(const RealtimeRule& rule) {
  if (rule.action == Action::kBlock) return "block";
  return rule.action == Action::kAlert ? "alert" : "allow";
}

// Appends one trace per rule; what follows the first that matches or is open is not asked. True when one was.
template <class Rules>
bool trace_table(const RuleTable& table, const Rules& rules, Kind kind, const RuleTable::Question& question,
                 bool decided, std::vector<RuleTrace>& out) {
  for (size_t i = 0; i < rules.size(); ++i) {
    RuleTrace trace;
    trace.kind = kind;
    trace.name = rules[i].name;
    trace.action = action_of(rules[i]);
    trace.outcome = decided ? Outcome::kNotAsked : table.trace(question, i, trace.conditions);
    decided = decided || trace.outcome == Outcome::kMatch || trace.outcome == Outcome::kNotYet;
    out.push_back(std::move(trace));
  }
  return decided;
}

}  // namespace

std::vector<RuleTrace> Policy::trace(const Facts& given, Layer layer) const {
  const bool at_client = layer == Layer::kClient;
  const Facts facts = at_client ? facts_at_client(given) : given;
  const FlowView flow = flow_view(*compiled_, facts);
  const Fact<Request> never = Fact<Request>::never();
  const Tags tags = tags_of(*compiled_, flow, Fact<std::string_view>::never());
  const Steering& steering = steering_of(*compiled_, facts, flow);
  std::vector<RuleTrace> out;
  const RuleTable::Question by_name{flow, tags, never, at_client ? &steering.not_at_client : nullptr};
  const bool timed =
      trace_table(*compiled_->timed_table, compiled_->timed, Kind::kTimedBypass, {flow, tags, never}, false, out);
  const bool excepted = trace_table(steering.table, steering.exceptions, Kind::kSteeringException, by_name, timed, out);
  if (at_client) return out;
  const Tags request_tags =
      tags_of(*compiled_, flow, Fact<std::string_view>{facts.request.knowledge, facts.request.value.path});
  const size_t first = out.size();
  trace_table(*compiled_->realtime_table, compiled_->realtime, Kind::kRealtime, {flow, request_tags, facts.request},
              excepted, out);
  bool blocked = excepted;
  for (size_t i = first; i < out.size(); ++i) {
    blocked |= out[i].outcome == Outcome::kMatch && compiled_->realtime[i - first].action == Action::kBlock;
  }
  trace_table(*compiled_->ssl_table, compiled_->ssl, Kind::kSslDecryption, {flow, tags, never}, blocked, out);
  return out;
}

std::vector<std::string> Policy::matched_rules(const Facts& facts) const {
  const FlowView flow = flow_view(*compiled_, facts);
  const Fact<Request> never = Fact<Request>::never();
  const Tags tags = tags_of(*compiled_, flow, Fact<std::string_view>::never());
  const Tags request_tags =
      tags_of(*compiled_, flow, Fact<std::string_view>{facts.request.knowledge, facts.request.value.path});
  const Steering& steering = steering_of(*compiled_, facts, flow);
  std::vector<std::string> names;
  const auto add = [&](const char* kind, const RuleTable& table, const auto& rules,
                       const RuleTable::Question& question) {
    table.all_matches(question).each([&](size_t i) { names.push_back(kind + rules[i].name); });
  };
  add("timed:", *compiled_->timed_table, compiled_->timed, {flow, tags, never});
  add("exception:", steering.table, steering.exceptions, {flow, tags, never});
  add("realtime:", *compiled_->realtime_table, compiled_->realtime, {flow, request_tags, facts.request});
  add("ssl:", *compiled_->ssl_table, compiled_->ssl, {flow, tags, never});
  return names;
}

}  // namespace sluice::policy
