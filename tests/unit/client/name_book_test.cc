#include "proxy/client/name_book.h"

#include <catch2/catch.hpp>

#include "proxy/client/limits.h"

namespace sluice::client {

TEST_CASE("an address has the name that was asked for last, for as long as the answer holds and a while") {
  const base::Time start{base::Duration(1'000)};
  const auto first = *base::IpAddress::parse("203.0.113.7");
  const auto second = *base::IpAddress::parse("2001:db8::7");
  NameBook names;
  names.learn({"www.example", {first, second}, 5}, start);
  CHECK(names.name_of(first, start) == "www.example");
  CHECK(names.name_of(second, start) == "www.example");
  CHECK(names.name_of(*base::IpAddress::parse("::ffff:203.0.113.7"), start) == "www.example");
  CHECK(names.name_of(*base::IpAddress::parse("203.0.113.8"), start).empty());
  names.learn({"cdn.example", {first}, 100'000}, start);
  CHECK(names.name_of(first, start) == "cdn.example");
  CHECK(names.name_of(second, start + learned_name_min - base::Duration(1)) == "www.example");
  CHECK(names.name_of(second, start + learned_name_min).empty());
  CHECK(names.name_of(first, start + learned_name_max).empty());  // whatever the TTL says
}

TEST_CASE("a flood of answers takes a bounded room, the old ones first") {
  const base::Time start{base::Duration(1'000)};
  NameBook names;
  for (uint32_t i = 0; i < learned_names_max; ++i) names.learn({"old.example", {base::IpAddress::v4(i + 1)}, 1}, start);
  const base::Time later = start + learned_name_min;
  for (uint32_t i = 0; i < learned_names_max + 10; ++i) {
    names.learn({"new.example", {base::IpAddress::v4(0x0a000000 + i)}, 1}, later);
    REQUIRE(names.size() <= learned_names_max);
  }
  CHECK(names.name_of(base::IpAddress::v4(0x0a000000 + learned_names_max), later) == "new.example");
  CHECK(names.name_of(base::IpAddress::v4(1), later).empty());
}

}  // namespace sluice::client
