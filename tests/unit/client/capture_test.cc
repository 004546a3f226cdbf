#include "proxy/client/capture.h"

#include <catch2/catch.hpp>

namespace sluice::client {

TEST_CASE("the table of a capture: own traffic and this machine first, then the redirect; QUIC; DNS answers") {
  CaptureRules rules;
  rules.ports = {80, 443, 8080};
  rules.to_port = 4000;
  rules.own_services = {*base::Endpoint::parse("192.0.2.1:443"), *base::Endpoint::parse("[2001:db8::1]:8445")};
  rules.spared_networks = {"203.0.113.0/24", "2001:db8:1::/48"};
  const std::string head =
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
      "    meta l4proto != udp return\n"
      "    udp dport != 443 return\n";
  const std::string refuse =
      "    ip daddr 203.0.113.0/24 ct state new log group 29550\n"
      "    ip daddr 203.0.113.0/24 return\n"
      "    ip6 daddr 2001:db8:1::/48 ct state new log group 29550\n"
      "    ip6 daddr 2001:db8:1::/48 return\n"
      "    limit rate 50/second burst 100 packets log group 29549\n"
      "    counter reject with icmpx admin-prohibited\n";
  const std::string ask =
      "    ct mark 0x736c702b return\n"
      "    ct mark 0x736c702d counter reject with icmpx admin-prohibited\n"
      "    meta mark 0x736c702b ct mark set 0x736c702b meta mark set 0 return\n"
      "    meta mark 0x736c702d ct mark set 0x736c702d counter reject with icmpx admin-prohibited\n";
  const std::string tail =
      "  }\n"
      "  chain names {\n"
      "    type filter hook input priority 0; policy accept;\n"
      "    udp sport 53 ct state established log group 29548\n"
      "  }\n"
      "}\n";
  const std::string open = "table inet sluice_client {\n  flags owner\n";
  const std::string closed = "table inet sluice_client {\n";  // stays when the process dies
  CHECK(capture_table(rules) == open + head + refuse + tail);
  rules.quic = QuicRules::kAsk;
  CHECK(capture_table(rules) == open + head + ask + "    queue flags bypass to 29548\n" + tail);
  rules.fails_open = false;
  CHECK(capture_table(rules) == closed + head + ask + "    queue to 29548\n" + tail);  // nobody answers: nothing passes
  rules.quic = QuicRules::kRefuse;
  CHECK(capture_table(rules) == closed + head + refuse + tail);
}

}  // namespace sluice::client
