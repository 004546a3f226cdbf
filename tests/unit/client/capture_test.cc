#include "proxy/client/capture.h"

#include <catch2/catch.hpp>

namespace sluice::client {

TEST_CASE("the table of a capture: own traffic and this machine first, then the redirect; QUIC refused") {
  CaptureRules rules;
  rules.ports = {80, 443, 8080};
  rules.to_port = 4000;
  rules.own_services = {*base::Endpoint::parse("192.0.2.1:443"), *base::Endpoint::parse("[2001:db8::1]:8445")};
  rules.spared_networks = {"203.0.113.0/24", "2001:db8:1::/48"};
  const std::string tail =
      "  chain capture {\n"
      "    type nat hook output priority -100; policy accept;\n"
      "    meta mark 0x736c6365 return\n"
      "    fib daddr type local return\n"
      "    ip daddr 192.0.2.1 tcp dport 443 return\n"
      "    ip6 daddr 2001:db8::1 tcp dport 8445 return\n"
      "    tcp dport { 80, 443, 8080 } redirect to :4000\n"
      "  }\n"
      "  chain quic {\n"
      "    type filter hook output priority 0; policy accept;\n"
      "    meta mark 0x736c6365 return\n"
      "    fib daddr type local return\n"
      "    ip daddr 203.0.113.0/24 return\n"
      "    ip6 daddr 2001:db8:1::/48 return\n"
      "    udp dport 443 counter reject with icmpx admin-prohibited\n"
      "  }\n"
      "}\n";
  CHECK(capture_table(rules) == "table inet sluice_client {\n  flags owner\n" + tail);
  rules.fails_open = false;  // stays when the process dies
  CHECK(capture_table(rules) == "table inet sluice_client {\n" + tail);
}

}  // namespace sluice::client
