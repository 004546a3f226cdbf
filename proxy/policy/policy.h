#pragma once
// The compiled policy of one tenant: facts in, verdict out. The same code decides at the PoP and at the client.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/policy/facts.h"
#include "proxy/policy/trace.h"
#include "proxy/policy/verdict.h"

namespace sluice::policy {

struct Compiled;

// Numbers of sluice.config.v1.TrafficMode.
enum class TrafficMode : uint8_t { kCloudApps = 1, kWeb = 2, kAll = 3, kNone = 4 };

// What an event says about a flow's host. Views live as long as the Policy.
struct HostLabels {
  std::string_view app;
  std::string_view app_category;
  std::string_view category;  // a custom one before those of the database
  std::vector<std::string_view> other_categories;
};

struct IdentityView {
  std::span<const std::string> groups;
  std::string_view organization_unit;
};

// Immutable; share it as shared_ptr<const Policy> between threads. Made by compile() (compile.h). decide(), steer() and
// decide_certificate() allocate nothing.
class Policy {
 public:
  explicit Policy(std::unique_ptr<const Compiled> compiled);
  ~Policy();

  // The PoP's verdict: exceptions, then real-time policies, then SSL decryption policies. Ask again whenever more facts
  // are known; only a block may be acted on before the ClientHello has been read.
  Verdict decide(const Facts& facts) const;
  // The client's verdict. What is not known yet counts as never known.
  SteerVerdict steer(const Facts& facts) const;
  // What to do about an origin whose certificate has these errors (one at least).
  CertificateVerdict decide_certificate(const Facts& facts, std::span<const CertificateError> errors) const;

  // Every rule that matches, in order, as "timed:NAME", "exception:NAME", "realtime:NAME", "ssl:NAME": for events.
  // Allocates.
  std::vector<std::string> matched_rules(const Facts& facts) const;
  // Every rule in order with the outcome of each of its conditions: for `explain`. Allocates.
  std::vector<RuleTrace> trace(const Facts& facts, Layer layer) const;
  HostLabels labels(const Facts& facts) const;
  // Groups and unit of a user; nothing for one whom the directory does not know.
  IdentityView identity(std::string_view user) const;

  const std::string& tenant() const;
  // "<generation>-<first 12 hex digits of SHA-256 over the canonical policy>"
  const std::string& version() const;
  // The steering configuration of a user ("" = nobody known), as its name.
  std::string_view steering_configuration(std::string_view user) const;
  bool fails_open(std::string_view user) const;
  // True where traffic that is no TLS passes although policy would decrypt.
  bool splices_unknown_protocol() const;

 private:
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace sluice::policy
