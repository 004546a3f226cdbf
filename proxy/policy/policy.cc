#include "proxy/policy/policy.h"

#include <algorithm>

#include "proxy/policy/compiled.h"
#include "proxy/policy/decision.h"

namespace sluice::policy {

namespace {

using Is = RuleTable::Answer::Is;

const Fact<Request> never_request = Fact<Request>::never();

Verdict undecided(uint8_t missing) {
  Verdict verdict;
  verdict.missing = missing;
  return verdict;
}

// One decision of the PoP; the steps in their order. Lives on the stack.
class PopDecision {
 public:
  PopDecision(const Compiled& policy, const Facts& facts)
      : policy_(policy),
        facts_(facts),
        flow_(flow_view(policy, facts)),
        name_tags_(tags_of(policy, flow_, Fact<std::string_view>::never())) {}

  Verdict decide() const {
    if (!policy_.timed.empty()) {
      const auto timed = policy_.timed_table->first_match(by_name());
      if (timed.is == Is::kUndecided) return undecided(timed.missing);
      if (timed.is == Is::kRule) return timed_verdict(policy_.timed[timed.rule]);
    }
    const Steering& steering = steering_of(policy_, facts_, flow_);
    const auto exception = steering.table.first_match(by_name());
    if (exception.is == Is::kUndecided) return undecided(exception.missing);
    if (exception.is == Is::kRule) return exception_verdict(steering, steering.exceptions[exception.rule]);
    if (policy_.ech_blocked && facts_.has_ech) return blocked(Kind::kProtocol, "ech");
    const bool request_may_come = facts_.can_intercept || facts_.protocol == Protocol::kHttp;
    return realtime(request_may_come ? facts_.request : never_request);
  }

 private:
  RuleTable::Question by_name() const { return {flow_, name_tags_, never_request}; }

  static Verdict blocked(Kind kind, std::string_view rule) {
    Verdict verdict;
    verdict.decision = Decision::kBlock;
    verdict.action = Action::kBlock;
    verdict.by = {Layer::kPop, kind, rule};
    return verdict;
  }

  static Verdict exception_verdict(const Steering& steering, const ExceptionRule& rule) {
    Verdict verdict = blocked(Kind::kSteeringException, rule.name);
    verdict.by.configuration = steering.name;
    if (rule.blocks) return verdict;
    verdict.decision = Decision::kSplice;
    verdict.action = Action::kBypass;
    verdict.bypass = {BypassMode::kTunnel, rule.code, steering.reason, rule.recorded};
    return verdict;
  }

  // Always recorded: an administrator made it for a reason that will be asked for.
  static Verdict timed_verdict(const TimedRule& rule) {
    Verdict verdict;
    verdict.decision = Decision::kSplice;
    verdict.action = Action::kBypass;
    verdict.by = {Layer::kPop, Kind::kTimedBypass, rule.name};
    verdict.bypass = {BypassMode::kTunnel, BypassReasonCode::kTimed, rule.reason};
    return verdict;
  }

  // Real-time policies with the request as far as it is known; what they let pass goes on to SSL decryption.
  Verdict realtime(const Fact<Request>& request) const {
    Fact<std::string_view> path{request.knowledge, request.value.path};
    const bool same_tags = path.knowledge == Knowledge::kNever;
    const Tags tags = same_tags ? name_tags_ : tags_of(policy_, flow_, path);
    const auto answer = policy_.realtime_table->first_match({flow_, tags, request});
    Verdict verdict;
    verdict.action = Action::kAllow;
    switch (answer.is) {
      case Is::kUndecided:
        verdict.missing = answer.missing;
        // Anything but the request is known before bytes pass.
        if (answer.missing != kMissingRequest) return undecided(answer.missing);
        break;
      case Is::kRule: {
        const RealtimeRule& rule = policy_.realtime[answer.rule];
        verdict.action = rule.action;
        verdict.by = {Layer::kPop, Kind::kRealtime, rule.name};
        verdict.notice = rule.notice;
        if (rule.action != Action::kBlock) break;
        verdict.decision = Decision::kBlock;
        return verdict;
      }
      case Is::kNone: break;
    }
    if (facts_.protocol == Protocol::kHttp) {
      verdict.decision = Decision::kIntercept;
      return verdict;
    }
    return ssl(verdict);
  }

  Verdict ssl(Verdict verdict) const {
    const auto answer = policy_.ssl_table->first_match(by_name());
    if (answer.is == Is::kUndecided) return undecided(answer.missing);
    const SslRule* rule = answer.is == Is::kRule ? &policy_.ssl[answer.rule] : nullptr;
    if (rule != nullptr) verdict.ssl_policy = rule->name;
    if (rule != nullptr && !rule->decrypts) {
      const Decider by{Layer::kPop, Kind::kSslDecryption, rule->name};
      return spliced(verdict, by, {BypassMode::kDoNotDecrypt, BypassReasonCode::kSslPolicy, rule->reason});
    }
    if (facts_.protocol == Protocol::kOther) {
      if (!policy_.unknown_protocol_passes) return blocked(Kind::kProtocol, "unknown_protocol");
      return spliced(verdict, {Layer::kPop, Kind::kProtocol, "unknown_protocol"},
                     {BypassMode::kDoNotDecrypt, BypassReasonCode::kProtocol, "Unknown protocol"});
    }
    if (!facts_.can_intercept) {
      return spliced(verdict, {},
                     {BypassMode::kDoNotDecrypt, BypassReasonCode::kInterceptionOff, "Interception is off"});
    }
    verdict.decision = Decision::kIntercept;
    return verdict;
  }

  // The request will never be known: rules that waited for it are asked again.
  Verdict spliced(Verdict verdict, const Decider& by, const Bypass& bypass) const {
    if (verdict.missing != kMissingNothing) {
      const Verdict again = without_request();
      if (again.decision == Decision::kBlock || again.missing != kMissingNothing) return again;
      const std::string_view ssl_policy = verdict.ssl_policy;
      verdict = again;
      verdict.ssl_policy = ssl_policy;
    }
    verdict.decision = Decision::kSplice;
    verdict.bypass = bypass;
    if (verdict.action != Action::kAlert) {
      verdict.action = Action::kBypass;
      if (by.kind != Kind::kUnspecified) verdict.by = by;
    }
    return verdict;
  }

  Verdict without_request() const {
    Verdict verdict;
    verdict.action = Action::kAllow;
    const auto answer = policy_.realtime_table->first_match(by_name());
    if (answer.is == Is::kUndecided) return undecided(answer.missing);
    if (answer.is == Is::kNone) return verdict;
    const RealtimeRule& rule = policy_.realtime[answer.rule];
    verdict.action = rule.action;
    verdict.by = {Layer::kPop, Kind::kRealtime, rule.name};
    verdict.notice = rule.notice;
    if (rule.action == Action::kBlock) verdict.decision = Decision::kBlock;
    return verdict;
  }

  const Compiled& policy_;
  const Facts& facts_;
  FlowView flow_;
  Tags name_tags_;
};

}  // namespace

Policy::Policy(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Policy::~Policy() = default;

Verdict Policy::decide(const Facts& facts) const {
  return PopDecision(*compiled_, facts).decide();
}

CertificateVerdict Policy::decide_certificate(const Facts& facts, std::span<const CertificateError> errors) const {
  uint32_t seen = 0;
  for (const CertificateError error : errors) seen |= uint32_t{1} << static_cast<uint32_t>(error);
  const FlowView flow = flow_view(*compiled_, facts);
  const Tags tags = tags_of(*compiled_, flow, Fact<std::string_view>::never());
  const RuleBits matching = compiled_->certificate_table->all_matches({flow, tags, never_request});
  CertificateVerdict verdict;
  verdict.action = compiled_->certificate_default;
  bool decided = false;
  matching.each([&](size_t i) {
    const CertificateRule& rule = compiled_->certificate[i];
    if (decided || (seen & ~rule.allowed) != 0) return;
    decided = true;
    verdict.action = rule.action;
    verdict.by.rule = rule.name;
    verdict.reason = rule.reason;
  });
  return verdict;
}

HostLabels Policy::labels(const Facts& facts) const {
  const FlowView flow = flow_view(*compiled_, facts);
  const Fact<std::string_view> path{facts.request.knowledge, facts.request.value.path};
  const Tags tags = tags_of(*compiled_, flow, path.known() ? path : Fact<std::string_view>::never());
  HostLabels labels;
  size_t longest = 0;
  compiled_->app_hosts.match(flow.key, [&](uint32_t app, size_t size) {
    if (size <= longest) return;
    longest = size;
    labels.app = compiled_->apps[app].name;
    labels.app_category = compiled_->apps[app].category;
  });
  tags.categories.each([&](size_t category) {
    const std::string_view name = compiled_->categories.names[category];
    if (labels.category.empty()) {
      labels.category = name;
    } else {
      labels.other_categories.push_back(name);
    }
  });
  return labels;
}

IdentityView Policy::identity(std::string_view user) const {
  const Identity* found = compiled_->directory->find(user);
  if (found == nullptr) return {};
  return {found->groups, found->organization_unit};
}

const std::string& Policy::tenant() const {
  return compiled_->tenant;
}
const std::string& Policy::version() const {
  return compiled_->version;
}
bool Policy::splices_unknown_protocol() const {
  return compiled_->unknown_protocol_passes;
}

std::string_view Policy::steering_configuration(std::string_view user) const {
  return steering_of(*compiled_, user, compiled_->directory->find(user)).name;
}

bool Policy::fails_open(std::string_view user) const {
  return steering_of(*compiled_, user, compiled_->directory->find(user)).fails_open;
}

}  // namespace sluice::policy
