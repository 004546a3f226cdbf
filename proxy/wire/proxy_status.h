#pragma once
// The Proxy-Status response field (RFC 9209): why the proxy answered by itself.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::wire {

// RFC 9209 section 2.3, the types a forward proxy has a use for.
enum class ProxyError : uint8_t {
  kDnsTimeout,
  kDnsError,
  kDestinationNotFound,
  kDestinationUnavailable,
  kDestinationIpProhibited,
  kDestinationIpUnroutable,
  kConnectionRefused,
  kConnectionTerminated,
  kConnectionTimeout,
  kConnectionReadTimeout,
  kConnectionWriteTimeout,
  kConnectionLimitReached,
  kTlsProtocolError,
  kTlsCertificateError,
  kTlsAlertReceived,
  kHttpRequestError,
  kHttpRequestDenied,
  kHttpResponseIncomplete,
  kHttpProtocolError,
  kProxyInternalResponse,
  kProxyInternalError,
  kProxyConfigurationError,
  kProxyLoopDetected,
};
std::string_view proxy_error_token(ProxyError error);  // "destination_ip_prohibited"

struct ProxyStatus {
  std::string proxy;  // name of this proxy
  std::optional<ProxyError> error;
  std::string next_hop;  // address or name dialled; empty: left out
  std::string details;   // one sentence for a person; empty: left out

  // "sluice; error=destination_ip_prohibited; details=\"...\"". A name that is a token stays bare, else it is quoted;
  // bytes that no structured string may hold become "?"; details are cut at proxy_status_details_bytes_max.
  std::string to_field_value() const;
};

}  // namespace sluice::wire
