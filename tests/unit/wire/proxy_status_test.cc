#include "proxy/wire/proxy_status.h"

#include <catch2/catch.hpp>

#include "proxy/wire/limits.h"

namespace sluice::wire {

TEST_CASE("proxy status: members and parameters") {
  struct Case {
    ProxyStatus status;
    std::string value;
  };
  const std::vector<Case> cases = {
      {{"sluice", std::nullopt, "", ""}, "sluice"},
      {{"sluice", ProxyError::kDestinationIpProhibited, "", "private address"},
       "sluice; error=destination_ip_prohibited; details=\"private address\""},
      {{"pop-1.example:8080", ProxyError::kConnectionRefused, "origin.example", ""},
       "pop-1.example:8080; error=connection_refused; next-hop=origin.example"},
      {{"my proxy", ProxyError::kDnsTimeout, "2001:db8::1", ""},
       "\"my proxy\"; error=dns_timeout; next-hop=\"2001:db8::1\""},
      {{"", std::nullopt, "", ""}, "\"\""},
      {{"9front", std::nullopt, "", ""}, "\"9front\""},
      {{"*any", std::nullopt, "", ""}, "*any"},
      {{"p", std::nullopt, "", "say \"no\" \\ stop"}, "p; details=\"say \\\"no\\\" \\\\ stop\""},
      {{"p", std::nullopt, "", "a\r\nSet-Cookie: x\t\x7f\xc3\xa9"}, "p; details=\"a??Set-Cookie: x????\""},
  };
  for (const Case& c : cases) CHECK(c.status.to_field_value() == c.value);
}

TEST_CASE("proxy status: details are cut, never the escape of a character") {
  ProxyStatus status{"p", std::nullopt, "", std::string(proxy_status_details_bytes_max * 2, '"')};
  CHECK(status.to_field_value().size() == std::string("p; details=\"\"").size() + 2 * proxy_status_details_bytes_max);
}

TEST_CASE("proxy status: every error has its own token") {
  std::vector<std::string_view> tokens;
  for (int i = 0; i <= static_cast<int>(ProxyError::kProxyLoopDetected); ++i) {
    const auto token = proxy_error_token(static_cast<ProxyError>(i));
    CHECK(std::find(tokens.begin(), tokens.end(), token) == tokens.end());
    tokens.push_back(token);
  }
}

}  // namespace sluice::wire
