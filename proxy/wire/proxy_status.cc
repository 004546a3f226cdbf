#include "proxy/wire/proxy_status.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/wire/http1_fields.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

// RFC 9651 section 3.3.4: a token begins with a letter or "*" and may hold ":" and "/" beside the token characters.
bool is_structured_token(std::string_view text) {
  if (text.empty()) return false;
  const char first = base::ascii_lower(text[0]);
  if (first != '*' && (first < 'a' || first > 'z')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_token_character(c) || c == ':' || c == '/'; });
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  out += '"';
}

void append_item(std::string& out, std::string_view text) {
  if (is_structured_token(text)) {
    out += text;
  } else {
    append_string(out, text);
  }
}

}  // namespace

std::string_view proxy_error_token(ProxyError error) {
  switch (error) {
    case ProxyError::kDnsTimeout: return "dns_timeout";
    case ProxyError::kDnsError: return "dns_error";
    case ProxyError::kDestinationNotFound: return "destination_not_found";
    case ProxyError::kDestinationUnavailable: return "destination_unavailable";
    case ProxyError::kDestinationIpProhibited: return "destination_ip_prohibited";
    case ProxyError::kDestinationIpUnroutable: return "destination_ip_unroutable";
    case ProxyError::kConnectionRefused: return "connection_refused";
    case ProxyError::kConnectionTerminated: return "connection_terminated";
    case ProxyError::kConnectionTimeout: return "connection_timeout";
    case ProxyError::kConnectionReadTimeout: return "connection_read_timeout";
    case ProxyError::kConnectionWriteTimeout: return "connection_write_timeout";
    case ProxyError::kConnectionLimitReached: return "connection_limit_reached";
    case ProxyError::kTlsProtocolError: return "tls_protocol_error";
    case ProxyError::kTlsCertificateError: return "tls_certificate_error";
    case ProxyError::kTlsAlertReceived: return "tls_alert_received";
    case ProxyError::kHttpRequestError: return "http_request_error";
    case ProxyError::kHttpRequestDenied: return "http_request_denied";
    case ProxyError::kHttpResponseIncomplete: return "http_response_incomplete";
    case ProxyError::kHttpProtocolError: return "http_protocol_error";
    case ProxyError::kProxyInternalResponse: return "proxy_internal_response";
    case ProxyError::kProxyInternalError: return "proxy_internal_error";
    case ProxyError::kProxyConfigurationError: return "proxy_configuration_error";
    case ProxyError::kProxyLoopDetected: return "proxy_loop_detected";
  }
  return "proxy_internal_error";
}

std::string ProxyStatus::to_field_value() const {
  std::string out;
  append_item(out, proxy);
  if (error) {
    out += "; error=";
    out += proxy_error_token(*error);
  }
  if (!next_hop.empty()) {
    out += "; next-hop=";
    append_item(out, next_hop);
  }
  if (!details.empty()) {
    out += "; details=";
    append_string(out, std::string_view(details).substr(0, proxy_status_details_bytes_max));
  }
  return out;
}

}  // namespace sluice::wire
