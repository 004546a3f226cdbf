#include "proxy/flow/reason.h"

#include "proxy/wire/percent.h"

namespace sluice::flow {

namespace {

struct Word {
  CloseReason reason;
  std::string_view text;
};

constexpr Word words[] = {
    {CloseReason::kClientClosed, "client_closed"},
    {CloseReason::kOriginClosed, "origin_closed"},
    {CloseReason::kClientReset, "client_reset"},
    {CloseReason::kOriginReset, "origin_reset"},
    {CloseReason::kIdleTimeout, "idle_timeout"},
    {CloseReason::kTotalTimeout, "total_timeout"},
    {CloseReason::kHalfOpenTimeout, "half_open_timeout"},
    {CloseReason::kBadRequest, "bad_request"},
    {CloseReason::kHeadTooLarge, "head_too_large"},
    {CloseReason::kHeadTimeout, "head_timeout"},
    {CloseReason::kHeadIncomplete, "head_incomplete"},
    {CloseReason::kMethodNotAllowed, "method_not_allowed"},
    {CloseReason::kBadAuthority, "bad_authority"},
    {CloseReason::kSourceNotAllowed, "source_not_allowed"},
    {CloseReason::kAuthenticationRequired, "authentication_required"},
    {CloseReason::kAuthenticationFailed, "authentication_failed"},
    {CloseReason::kProtocolError, "protocol_error"},
    {CloseReason::kPortNotAllowed, "port_not_allowed"},
    {CloseReason::kDestinationProhibited, "destination_prohibited"},
    {CloseReason::kDnsNotFound, "dns_not_found"},
    {CloseReason::kDnsTimeout, "dns_timeout"},
    {CloseReason::kDnsError, "dns_error"},
    {CloseReason::kConnectRefused, "connect_refused"},
    {CloseReason::kConnectTimeout, "connect_timeout"},
    {CloseReason::kConnectUnreachable, "connect_unreachable"},
    {CloseReason::kConnectError, "connect_error"},
    {CloseReason::kClientHelloTimeout, "client_hello_timeout"},
    {CloseReason::kClientHelloTooLarge, "client_hello_too_large"},
    {CloseReason::kClientHelloMalformed, "client_hello_malformed"},
    {CloseReason::kSniMismatch, "sni_mismatch"},
    {CloseReason::kUnknownProtocol, "unknown_protocol"},
    {CloseReason::kEchBlocked, "ech_blocked"},
    {CloseReason::kPolicyBlock, "policy_block"},
    {CloseReason::kPolicyChanged, "policy_changed"},
    {CloseReason::kDeviceRevoked, "device_revoked"},
    {CloseReason::kTunnelLost, "tunnel_lost"},
    {CloseReason::kOverload, "overload"},
    {CloseReason::kDrain, "drain"},
    {CloseReason::kProducerCrash, "producer_crash"},
    {CloseReason::kInternalError, "internal_error"},
};

constexpr std::string_view policy_key = "; policy=";

}  // namespace

std::string_view word_of(CloseReason reason) {
  for (const Word& word : words) {
    if (word.reason == reason) return word.text;
  }
  return "unspecified";
}

std::string format_reason(CloseReason reason, std::string_view policy) {
  std::string value(word_of(reason));
  if (!policy.empty()) value.append(policy_key).append(wire::percent_encode(policy));
  return value;
}

std::optional<Reason> parse_reason(std::string_view value) {
  const size_t at = value.find(policy_key);
  Reason reason;
  for (const Word& word : words) {
    if (word.text == value.substr(0, at)) reason.close_reason = word.reason;
  }
  if (reason.close_reason == CloseReason::kUnspecified) return std::nullopt;
  if (at == std::string_view::npos) return reason;
  auto policy = wire::percent_decode(value.substr(at + policy_key.size()));
  if (!policy || !wire::is_clean_utf8(*policy)) return std::nullopt;
  reason.policy = std::move(*policy);
  return reason;
}

}  // namespace sluice::flow
