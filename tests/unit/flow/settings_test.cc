#include "proxy/flow/settings.h"

#include <catch2/catch.hpp>

namespace sluice::flow {

TEST_CASE("sources and ports are checked against the lists") {
  Settings settings;
  CHECK_FALSE(settings.source_allowed(*base::IpAddress::parse("192.0.2.1")));
  settings.allow_sources = {*base::Cidr::parse("192.0.2.0/24"), *base::Cidr::parse("2001:db8::/32")};
  CHECK(settings.source_allowed(*base::IpAddress::parse("192.0.2.1")));
  CHECK(settings.source_allowed(*base::IpAddress::parse("::ffff:192.0.2.1")));
  CHECK(settings.source_allowed(*base::IpAddress::parse("2001:db8::1")));
  CHECK_FALSE(settings.source_allowed(*base::IpAddress::parse("192.0.3.1")));
  settings.allow_any_source = true;
  CHECK(settings.source_allowed(*base::IpAddress::parse("192.0.3.1")));
  CHECK(settings.port_allowed(443));
  CHECK_FALSE(settings.port_allowed(22));
}

}  // namespace sluice::flow
