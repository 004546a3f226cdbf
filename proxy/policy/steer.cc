// The client's verdict on a captured flow.
//
//                       bypass_exceptions_at: client            cloud
//   mode: direct        line "Bypassing connection", direct     same line, tunnel, marked as bypass
//   mode: tunnel        line "... by tunneling", tunnel         same
#include <algorithm>
#include <array>

#include "proxy/policy/compiled.h"
#include "proxy/policy/decision.h"
#include "proxy/policy/policy.h"

namespace sluice::policy {

namespace {

using Is = RuleTable::Answer::Is;

bool is_in(const base::IpAddress& address, std::span<const base::Cidr> networks) {
  return std::any_of(networks.begin(), networks.end(), [&](const base::Cidr& n) { return n.contains(address); });
}

bool is_own_machine(const base::IpAddress& address) {
  static const std::array<base::Cidr, 4> networks{*base::Cidr::parse("127.0.0.0/8"), *base::Cidr::parse("::1/128"),
                                                  *base::Cidr::parse("169.254.0.0/16"),
                                                  *base::Cidr::parse("fe80::/10")};
  return is_in(address, networks);
}

// RFC 1918, and RFC 4193 for IPv6.
bool is_private(const base::IpAddress& address) {
  static const std::array<base::Cidr, 4> networks{*base::Cidr::parse("10.0.0.0/8"), *base::Cidr::parse("172.16.0.0/12"),
                                                  *base::Cidr::parse("192.168.0.0/16"), *base::Cidr::parse("fc00::/7")};
  return is_in(address, networks);
}

bool is_steered_private(const Steering& steering, const base::IpAddress& address) {
  bool found = false;
  steering.steered_private.match(address, [&](uint32_t) { found = true; });
  return found;
}

bool is_covered(const Steering& steering, const FlowView& flow) {
  switch (steering.traffic) {
    case TrafficMode::kAll: return true;
    case TrafficMode::kWeb:
      return std::find(steering.web_ports.begin(), steering.web_ports.end(), flow.facts.port) !=
             steering.web_ports.end();
    case TrafficMode::kCloudApps: return flow.apps.any();
    case TrafficMode::kNone: return false;
  }
  return false;
}

SteerVerdict not_steered() {
  SteerVerdict verdict;
  verdict.path = Path::kDirect;
  return verdict;
}

SteerVerdict exception_verdict(const Steering& steering, const ExceptionRule& rule, const FlowView& flow) {
  SteerVerdict verdict;
  verdict.by = {Layer::kClient, Kind::kSteeringException, rule.name, steering.name};
  if (rule.blocks) {
    verdict.path = Path::kRefuse;
    verdict.line = Line::kAppDropped;
    verdict.action = Action::kDrop;
    return verdict;
  }
  bool tunnels = rule.tunnels;
  rule.tunnel_hosts.match(flow.key, [&](uint32_t, size_t) { tunnels = true; });
  verdict.line = !rule.is_app ? Line::kException : tunnels ? Line::kAppTunnelled : Line::kAppDirect;
  verdict.path = tunnels || steering.bypass_in_cloud ? Path::kTunnel : Path::kDirect;
  verdict.action = Action::kBypass;
  verdict.bypass = {verdict.path == Path::kTunnel ? BypassMode::kTunnel : BypassMode::kDirect, rule.code,
                    steering.reason, rule.recorded};
  if (!rule.recorded) verdict.line = Line::kNone;
  return verdict;
}

SteerVerdict timed_verdict(const Steering& steering, const TimedRule& rule) {
  SteerVerdict verdict;
  verdict.by = {Layer::kClient, Kind::kTimedBypass, rule.name, steering.name};
  verdict.line = Line::kException;
  verdict.path = steering.bypass_in_cloud ? Path::kTunnel : Path::kDirect;
  verdict.action = Action::kBypass;
  verdict.bypass = {verdict.path == Path::kTunnel ? BypassMode::kTunnel : BypassMode::kDirect, BypassReasonCode::kTimed,
                    rule.reason};
  return verdict;
}

}  // namespace

SteerVerdict Policy::steer(const Facts& given) const {
  const Facts facts = facts_at_client(given);
  const Fact<base::IpAddress>& address = facts.address;
  if (address.known() && is_own_machine(address.value.unmapped())) return not_steered();
  const FlowView flow = flow_view(*compiled_, facts);
  const Steering& steering = steering_of(*compiled_, facts, flow);
  if (steering.traffic == TrafficMode::kNone) return not_steered();
  if (address.known() && is_private(address.value.unmapped()) && !is_steered_private(steering, address.value)) {
    SteerVerdict verdict = not_steered();
    const bool recorded = compiled_->bypasses_recorded;
    verdict.line = recorded ? Line::kPrivateAddress : Line::kNone;
    verdict.action = Action::kBypass;
    verdict.by = {Layer::kClient, Kind::kUnspecified, "private address", steering.name};
    verdict.bypass = {BypassMode::kDirect, BypassReasonCode::kPrivateAddress, "Private address", recorded};
    return verdict;
  }
  if (!is_covered(steering, flow)) return not_steered();
  const Tags tags = tags_of(*compiled_, flow, Fact<std::string_view>::never());
  const auto timed = compiled_->timed_table->first_match({flow, tags, facts.request});
  if (timed.is == Is::kRule) {
    SteerVerdict verdict = timed_verdict(steering, compiled_->timed[timed.rule]);
    verdict.identity = compiled_->timed_table->identity({flow, tags, facts.request}, timed.rule);
    return verdict;
  }
  const RuleTable::Question question{flow, tags, facts.request, &steering.not_at_client};
  const auto answer = steering.table.first_match(question);
  if (answer.is == Is::kRule) {
    SteerVerdict verdict = exception_verdict(steering, steering.exceptions[answer.rule], flow);
    verdict.identity = steering.table.identity(question, answer.rule);
    return verdict;
  }
  SteerVerdict verdict;
  verdict.by = {Layer::kClient, Kind::kUnspecified, "", steering.name};
  verdict.identity = facts.process.known() ? ProcessIdentity::kName : ProcessIdentity::kNone;
  verdict.action = Action::kAllow;
  verdict.line = Line::kSteered;
  const bool is_quic = facts.transport == Transport::kUdp && facts.port == 443;
  if (is_quic) {
    // The browser falls back to TCP, which is steered.
    verdict.path = Path::kRefuse;
    verdict.line = Line::kQuicRefused;
    verdict.action = Action::kDrop;
  }
  return verdict;
}

}  // namespace sluice::policy
