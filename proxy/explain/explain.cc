#include "proxy/explain/explain.h"

#include <cstdarg>
#include <cstdio>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/policy/policy.h"
#include "proxy/policy/request_path.h"
#include "proxy/wire/authority.h"

namespace sluice::explain {

namespace {

using policy::Outcome;

[[gnu::format(printf, 2, 3)]] void put(std::string& out, const char* format, ...) {
  va_list values;
  va_start(values, format);
  va_list again;
  va_copy(again, values);
  std::string text(static_cast<size_t>(std::vsnprintf(nullptr, 0, format, again)), '\0');
  va_end(again);
  std::vsnprintf(text.data(), text.size() + 1, format, values);
  va_end(values);
  out += text;
}

policy::Platform platform_of(const std::string& word) {
  if (word == "windows") return policy::Platform::kWindows;
  return word == "macos" ? policy::Platform::kMacos : policy::Platform::kLinux;
}

// Views into the question and `host`.
policy::Facts facts_of(const Question& question, const wire::Host& host, const base::IpAddress& source,
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

void put_rules(std::string& out, const policy::Policy& compiled, const policy::Facts& facts, policy::Layer layer) {
  int count = 0;
  for (const policy::RuleTrace& rule : compiled.trace(facts, layer)) {
    std::string why;
    for (const policy::ConditionTrace& condition : rule.conditions) {
      why += (why.empty() ? "" : ", ") + std::string(condition.kind) + ": " + word(condition.outcome);
    }
    if (rule.outcome == Outcome::kMatch && why.empty()) why = "covers everything";
    put(out, "%3d  %-10s  %-12s %s (%s)%s%s\n", ++count, word(rule.kind), word(rule.outcome), rule.name.c_str(),
        rule.action.c_str(), why.empty() ? "" : "  ", why.c_str());
  }
  if (count == 0) put(out, "     no rules\n");
}

std::string decider(const policy::Decider& by) {
  if (by.rule.empty()) return "no rule";
  std::string text = std::string(word(by.kind)) + " `" + std::string(by.rule) + "`";
  if (!by.configuration.empty()) text += " of steering configuration `" + std::string(by.configuration) + "`";
  return text;
}

void put_bypass(std::string& out, const policy::Bypass& bypass) {
  if (bypass.mode == policy::BypassMode::kNone) return;
  put(out, "         bypass_reason: %s%s\n", std::string(bypass.reason).c_str(),
      bypass.recorded ? "" : "; not recorded");
}

void put_client(std::string& out, const policy::Policy& compiled, const policy::Facts& facts) {
  put(out, "\nlayer client\n");
  put_rules(out, compiled, facts, policy::Layer::kClient);
  const policy::SteerVerdict verdict = compiled.steer(facts);
  const char* path = verdict.path == policy::Path::kDirect   ? "goes direct"
                     : verdict.path == policy::Path::kTunnel ? "goes through the tunnel"
                                                             : "is refused";
  put(out, "verdict  %s: the flow %s, by %s\n", word(verdict.action), path, decider(verdict.by).c_str());
  put_bypass(out, verdict.bypass);
}

void put_pop(std::string& out, const policy::Policy& compiled, const policy::Facts& facts) {
  put(out, "\nlayer pop\n");
  put_rules(out, compiled, facts, policy::Layer::kPop);
  const policy::Verdict verdict = compiled.decide(facts);
  const std::string missing = missing_words(verdict.missing);
  switch (verdict.decision) {
    case policy::Decision::kUndecided: put(out, "verdict  undecided: waits for %s\n", missing.c_str()); return;
    case policy::Decision::kBlock: put(out, "verdict  block, by %s\n", decider(verdict.by).c_str()); return;
    case policy::Decision::kSplice:
      put(out, "verdict  %s: the flow passes untouched, by %s\n", word(verdict.action), decider(verdict.by).c_str());
      put_bypass(out, verdict.bypass);
      return;
    case policy::Decision::kIntercept:
      put(out, "verdict  %s: the flow is decrypted, by %s%s%s\n", word(verdict.action), decider(verdict.by).c_str(),
          missing.empty() ? "" : "; real-time policies wait for ", missing.c_str());
      return;
  }
}

void put_head(std::string& out, const Question& question, const policy::Policy& compiled, const policy::Facts& facts) {
  put(out, "flow     %s port %u from %s, user %s, process %s\n", std::string(facts.host.value).c_str(),
      unsigned{question.port}, question.source.c_str(), question.user.empty() ? "-" : question.user.c_str(),
      question.process.empty() ? "-" : question.process.c_str());
  put(out, "policy   %s of tenant %s, steering configuration %s\n", compiled.version().c_str(),
      compiled.tenant().c_str(), std::string(compiled.steering_configuration(question.user)).c_str());
  const policy::HostLabels labels = compiled.labels(facts);
  put(out, "host     app %s, category %s", labels.app.empty() ? "-" : std::string(labels.app).c_str(),
      labels.category.empty() ? "-" : std::string(labels.category).c_str());
  for (const std::string_view other : labels.other_categories) put(out, ", %s", std::string(other).c_str());
  put(out, "\n");
}

}  // namespace

base::Result<std::string> explain(const policy::Policy& compiled, const Question& question) {
  const auto host = wire::parse_host(question.host);
  if (!host) return base::Error{"host " + question.host + ": " + wire::describe(host.error())};
  const auto source = base::IpAddress::parse(question.source);
  const auto address = base::IpAddress::parse(question.address);
  if (!source) return base::Error{"source " + question.source + " is not an IP address"};
  if (!question.address.empty() && !address)
    return base::Error{"address " + question.address + " is not an IP address"};
  const std::string path = policy::normalised_path(question.path);
  const policy::Facts facts = facts_of(question, *host, *source, address, path);
  std::string out;
  put_head(out, question, compiled, facts);
  const bool with_client = question.layer.empty() ? facts.has_client : question.layer == "client";
  if (with_client) {
    put_client(out, compiled, facts);
    const bool reaches_pop = compiled.steer(facts).path == policy::Path::kTunnel;
    if (question.layer.empty() && !reaches_pop) return out + "\nlayer pop\n     the flow does not reach it\n";
  }
  if (question.layer != "client") put_pop(out, compiled, facts);
  return out;
}

}  // namespace sluice::explain
