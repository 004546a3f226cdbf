#include "proxy/ctl/explain_policy.h"

#include <cstdio>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/load_policy.h"
#include "proxy/policy/policy.h"
#include "proxy/policy/request_path.h"
#include "proxy/wire/authority.h"

namespace sluice::ctl {

namespace {

using policy::Outcome;

policy::Platform platform_of(const std::string& word) {
  if (word == "windows") return policy::Platform::kWindows;
  return word == "macos" ? policy::Platform::kMacos : policy::Platform::kLinux;
}

// Views into the question and `host`.
policy::Facts facts_of(const PolicyQuestion& question, const wire::Host& host, const base::IpAddress& source,
                       std::optional<base::IpAddress> address, const std::string& path) {
  policy::Facts facts;
  facts.now = base::wall_now();
  facts.source = source;
  facts.port = question.port;
  facts.protocol = policy::Protocol::kTls;
  facts.host = policy::Fact<std::string_view>::of(host.name);
  if (!address) address = host.address;
  if (address) facts.address = policy::Fact<base::IpAddress>::of(*address);
  facts.has_client = !question.process.empty();
  if (facts.has_client) {
    facts.process = policy::Fact<policy::Process>::of(
        {question.process, question.process_path, "", platform_of(question.platform)});
  }
  if (!question.user.empty()) facts.user = policy::Fact<std::string_view>::of(question.user);
  if (!question.method.empty()) facts.request = policy::Fact<policy::Request>::of({question.method, path, ""});
  return facts;
}

const char* word(policy::Kind kind) {
  switch (kind) {
    case policy::Kind::kSteeringException: return "exception";
    case policy::Kind::kSslDecryption: return "ssl policy";
    case policy::Kind::kRealtime: return "real-time";
    case policy::Kind::kProtocol: return "protocol";
    case policy::Kind::kCertificateError: return "certificate";
    case policy::Kind::kTimedBypass: return "timed";
    case policy::Kind::kUnspecified: break;
  }
  return "default";
}

const char* word(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMatch: return "match";
    case Outcome::kNoMatch: return "no match";
    case Outcome::kNotYet: return "undecided";
    case Outcome::kNever: return "never known";
    case Outcome::kExpired: return "expired";
    case Outcome::kSkipped: return "left to PoP";
    case Outcome::kNotAsked: return "not asked";
  }
  return "";
}

const char* word(policy::Action action) {
  switch (action) {
    case policy::Action::kAllow: return "allow";
    case policy::Action::kAlert: return "alert";
    case policy::Action::kBlock: return "block";
    case policy::Action::kBypass: return "bypass";
    case policy::Action::kDrop: return "drop";
    case policy::Action::kUnspecified: break;
  }
  return "not recorded";
}

std::string missing_words(uint8_t missing) {
  std::string text;
  const auto add = [&](policy::Missing bit, const char* fact) {
    if ((missing & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(fact);
  };
  add(policy::kMissingHost, "the host's name");
  add(policy::kMissingAddress, "the origin's address (--address)");
  add(policy::kMissingRequest, "the request (--method, --path)");
  add(policy::kMissingProcess, "the process");
  add(policy::kMissingUser, "the user");
  return text;
}

void print_rules(const policy::Policy& compiled, const policy::Facts& facts, policy::Layer layer) {
  int count = 0;
  for (const policy::RuleTrace& rule : compiled.trace(facts, layer)) {
    std::string why;
    for (const policy::ConditionTrace& condition : rule.conditions) {
      why += (why.empty() ? "" : ", ") + std::string(condition.kind) + ": " + word(condition.outcome);
    }
    if (rule.outcome == Outcome::kMatch && why.empty()) why = "covers everything";
    std::printf("%3d  %-10s  %-12s %s (%s)%s%s\n", ++count, word(rule.kind), word(rule.outcome), rule.name.c_str(),
                rule.action.c_str(), why.empty() ? "" : "  ", why.c_str());
  }
  if (count == 0) std::printf("     no rules\n");
}

std::string decider(const policy::Decider& by) {
  if (by.rule.empty()) return "no rule";
  std::string text = std::string(word(by.kind)) + " `" + std::string(by.rule) + "`";
  if (!by.configuration.empty()) text += " of steering configuration `" + std::string(by.configuration) + "`";
  return text;
}

void print_bypass(const policy::Bypass& bypass) {
  if (bypass.mode == policy::BypassMode::kNone) return;
  std::printf("         bypass_reason: %s%s\n", std::string(bypass.reason).c_str(),
              bypass.recorded ? "" : "; not recorded");
}

void explain_client(const policy::Policy& compiled, const policy::Facts& facts) {
  std::printf("\nlayer client\n");
  print_rules(compiled, facts, policy::Layer::kClient);
  const policy::SteerVerdict verdict = compiled.steer(facts);
  const char* path = verdict.path == policy::Path::kDirect   ? "goes direct"
                     : verdict.path == policy::Path::kTunnel ? "goes through the tunnel"
                                                             : "is refused";
  std::printf("verdict  %s: the flow %s, by %s\n", word(verdict.action), path, decider(verdict.by).c_str());
  print_bypass(verdict.bypass);
}

void explain_pop(const policy::Policy& compiled, const policy::Facts& facts) {
  std::printf("\nlayer pop\n");
  print_rules(compiled, facts, policy::Layer::kPop);
  const policy::Verdict verdict = compiled.decide(facts);
  const std::string missing = missing_words(verdict.missing);
  switch (verdict.decision) {
    case policy::Decision::kUndecided: std::printf("verdict  undecided: waits for %s\n", missing.c_str()); return;
    case policy::Decision::kBlock: std::printf("verdict  block, by %s\n", decider(verdict.by).c_str()); return;
    case policy::Decision::kSplice:
      std::printf("verdict  %s: the flow passes untouched, by %s\n", word(verdict.action), decider(verdict.by).c_str());
      print_bypass(verdict.bypass);
      return;
    case policy::Decision::kIntercept:
      std::printf("verdict  %s: the flow is decrypted, by %s%s%s\n", word(verdict.action), decider(verdict.by).c_str(),
                  missing.empty() ? "" : "; real-time policies wait for ", missing.c_str());
      return;
  }
}

void print_head(const PolicyQuestion& question, const policy::Policy& compiled, const policy::Facts& facts) {
  std::printf("flow     %s port %u from %s, user %s, process %s\n", std::string(facts.host.value).c_str(),
              unsigned{question.port}, question.source.c_str(), question.user.empty() ? "-" : question.user.c_str(),
              question.process.empty() ? "-" : question.process.c_str());
  std::printf("policy   %s of tenant %s, steering configuration %s\n", compiled.version().c_str(),
              compiled.tenant().c_str(), std::string(compiled.steering_configuration(question.user)).c_str());
  const policy::HostLabels labels = compiled.labels(facts);
  std::printf("host     app %s, category %s", labels.app.empty() ? "-" : std::string(labels.app).c_str(),
              labels.category.empty() ? "-" : std::string(labels.category).c_str());
  for (const std::string_view other : labels.other_categories) std::printf(", %s", std::string(other).c_str());
  std::printf("\n");
}

}  // namespace

int explain_policy(const PolicyQuestion& question) {
  const auto host = wire::parse_host(question.host);
  const auto source = base::IpAddress::parse(question.source);
  const auto address = base::IpAddress::parse(question.address);
  if (!host) {
    std::fprintf(stderr, "sluicectl: --host %s: %s\n", question.host.c_str(), wire::describe(host.error()));
    return exit_usage;
  }
  if (!source || (!question.address.empty() && !address)) {
    std::fprintf(stderr, "sluicectl: %s is not an IP address\n",
                 (!source ? "--source " + question.source : "--address " + question.address).c_str());
    return exit_usage;
  }
  const auto loaded = load_policy(question.policy);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return exit_usage;
  }
  for (const std::string& warning : loaded->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  const policy::Policy& compiled = *loaded->policy;
  const std::string path = policy::normalised_path(question.path);
  const policy::Facts facts = facts_of(question, *host, *source, address, path);
  print_head(question, compiled, facts);
  const bool with_client = question.layer.empty() ? facts.has_client : question.layer == "client";
  if (with_client) {
    explain_client(compiled, facts);
    const bool reaches_pop = compiled.steer(facts).path == policy::Path::kTunnel;
    if (question.layer.empty() && !reaches_pop) {
      std::printf("\nlayer pop\n     the flow does not reach it\n");
      return exit_done;
    }
  }
  if (question.layer != "client") explain_pop(compiled, facts);
  return exit_done;
}

}  // namespace sluice::ctl
