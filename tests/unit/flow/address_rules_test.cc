#include "proxy/flow/address_rules.h"

#include <catch2/catch.hpp>

namespace sluice::flow {

namespace {
base::IpAddress ip(const char* text) {
  return base::IpAddress::parse(text).value();
}
}  // namespace

TEST_CASE("special-purpose addresses are never dialled") {
  const AddressRules rules;
  for (const char* address : {"0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.1",
                              "100.64.0.1",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.255.255.254",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.8",
                              "192.168.1.1",
                              "198.18.0.1",
                              "198.19.255.255",
                              "224.0.0.1",
                              "239.255.255.255",
                              "240.0.0.1",
                              "255.255.255.255",
                              "168.63.129.16",
                              "::",
                              "::1",
                              "::7f00:1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.1.2.3",
                              "::ffff:169.254.169.254",
                              "64:ff9b::7f00:1",
                              "64:ff9b:1::1",
                              "100::1",
                              "2001::1",
                              "2002:7f00:1::",
                              "fc00::1",
                              "fdff::1",
                              "fd00:ec2::254",
                              "fe80::1",
                              "febf::1",
                              "ff02::1"}) {
    INFO(address);
    CHECK(rules.prohibited(ip(address)));
  }
}

TEST_CASE("ordinary addresses are dialled") {
  const AddressRules rules;
  for (const char* address : {"1.1.1.1",
                              "9.255.255.255",
                              "11.0.0.0",
                              "100.63.255.255",
                              "100.128.0.0",
                              "126.255.255.255",
                              "128.0.0.0",
                              "169.253.255.255",
                              "172.15.255.255",
                              "172.32.0.0",
                              "192.0.1.0",
                              "192.167.255.255",
                              "198.17.255.255",
                              "198.20.0.0",
                              "223.255.255.255",
                              "168.63.129.15",
                              "2001:4860:4860::8888",
                              "2606:4700::1111",
                              "::ffff:8.8.8.8",
                              "fec0::1"}) {
    INFO(address);
    CHECK_FALSE(rules.prohibited(ip(address)));
  }
}

TEST_CASE("own addresses are refused in every spelling, and configuration may allow") {
  const AddressRules rules({*base::Cidr::parse("10.1.0.0/16"), *base::Cidr::parse("203.0.113.5/32")},
                           {ip("203.0.113.4"), ip("203.0.113.5")});
  CHECK(rules.prohibited(ip("203.0.113.4")) == "an address of this PoP");
  CHECK(rules.prohibited(ip("::ffff:203.0.113.4")));
  CHECK_FALSE(rules.prohibited(ip("203.0.113.5")));
  CHECK_FALSE(rules.prohibited(ip("10.1.2.3")));
  CHECK_FALSE(rules.prohibited(ip("::ffff:10.1.2.3")));
  CHECK(rules.prohibited(ip("10.2.0.1")));
}

}  // namespace sluice::flow
