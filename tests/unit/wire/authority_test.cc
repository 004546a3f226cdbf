#include "proxy/wire/authority.h"

#include <catch2/catch.hpp>

namespace sluice::wire {

namespace {
struct Good {
  std::string text;
  std::string canonical;
  bool is_address;
};
struct Bad {
  std::string text;
  AuthorityError error;
};
const std::string label63(63, 'a');
const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
}  // namespace

TEST_CASE("authority: accepted and brought to one form") {
  const std::vector<Good> cases = {
      {"example.com:443", "example.com:443", false},
      {"WWW.Example.COM:65535", "www.example.com:65535", false},
      {"example.com.:1", "example.com:1", false},
      {"localhost:80", "localhost:80", false},
      {"_dmarc.example.com:443", "_dmarc.example.com:443", false},
      {"r3---sn-x.example:443", "r3---sn-x.example:443", false},
      {"-a-.example:443", "-a-.example:443", false},
      {"xn--bcher-kva.example:443", "xn--bcher-kva.example:443", false},
      {"1.2.3.4.example:443", "1.2.3.4.example:443", false},
      {"0xg:443", "0xg:443", false},
      {"0x7f.a:443", "0x7f.a:443", false},
      {"192.0.2.1:443", "192.0.2.1:443", true},
      {"0.0.0.0:443", "0.0.0.0:443", true},
      {"[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", true},
      {"[::ffff:10.0.0.1]:443", "[::ffff:10.0.0.1]:443", true},
      {name253 + ":443", name253 + ":443", false},
      {name253 + ".:443", name253 + ":443", false},
  };
  for (const Good& c : cases) {
    INFO(c.text);
    const auto authority = parse_authority(c.text);
    REQUIRE(authority);
    CHECK(authority->to_string() == c.canonical);
    CHECK(authority->address.has_value() == c.is_address);
    CHECK(*parse_authority(authority->to_string()) == *authority);
  }
}

TEST_CASE("authority: refused with its reason") {
  using E = AuthorityError;
  const std::vector<Bad> cases = {
      {"", E::kMissingPort},
      {"example.com", E::kMissingPort},
      {"[::1]", E::kMissingPort},
      {":443", E::kEmptyHost},
      {"example.com:", E::kBadPort},
      {"example.com:0", E::kBadPort},
      {"example.com:65536", E::kBadPort},
      {"example.com:00443", E::kBadPort},
      {"example.com:+443", E::kBadPort},
      {"example.com:44 3", E::kBadPort},
      {"example.com:443/", E::kBadPort},
      {"example.com:https", E::kBadPort},
      {"2001:db8::1:443", E::kBadAddress},
      {"::1", E::kBadAddress},
      {"[::1", E::kBadAddress},
      {"[]:443", E::kBadAddress},
      {"[::1]443", E::kBadAddress},
      {"[::1]:443:1", E::kBadAddress},
      {"[::1%25eth0]:443", E::kBadAddress},
      {"[192.0.2.1]:443", E::kBadAddress},
      {"[example.com]:443", E::kBadAddress},
      {"user@example.com:443", E::kBadCharacter},
      {"user:secret@example.com:443", E::kBadAddress},
      {"example.com/path:443", E::kBadCharacter},
      {"exa mple.com:443", E::kBadCharacter},
      {std::string("example.com\0.evil:443", 21), E::kBadCharacter},
      {"*.example.com:443", E::kBadCharacter},
      {"b\xc3\xbc"
       "cher.example:443",
       E::kNonAscii},
      {"example..com:443", E::kBadLabel},
      {".example.com:443", E::kBadLabel},
      {"example.com..:443", E::kBadLabel},
      {".:443", E::kBadLabel},
      {label63 + "a.example:443", E::kBadLabel},
      {name253 + "b:443", E::kHostTooLong},
      {"2130706433:443", E::kBadNumericAddress},
      {"0x7f000001:443", E::kBadNumericAddress},
      {"0X7F.1:443", E::kBadNumericAddress},
      {"0x:443", E::kBadNumericAddress},
      {"0177.0.0.1:443", E::kBadNumericAddress},
      {"127.1:443", E::kBadNumericAddress},
      {"127.0.0.01:443", E::kBadNumericAddress},
      {"256.0.0.1:443", E::kBadNumericAddress},
      {"1.2.3.4.:443", E::kBadNumericAddress},
      {"1.2.3.4.5:443", E::kBadNumericAddress},
      {"example.1:443", E::kBadNumericAddress},
      {"0:443", E::kBadNumericAddress},
  };
  for (const Bad& c : cases) {
    INFO(c.text);
    const auto authority = parse_authority(c.text);
    REQUIRE_FALSE(authority);
    INFO(describe(authority.error()));
    CHECK(authority.error() == c.error);
  }
}

TEST_CASE("authority: a default port stands in for a missing one only") {
  CHECK(parse_authority("example.com", 80)->port == 80);
  CHECK(parse_authority("[::1]", 80)->port == 80);
  CHECK(parse_authority("example.com:8080", 80)->port == 8080);
  CHECK(parse_authority("example.com:", 80).error() == AuthorityError::kBadPort);
  CHECK(parse_authority("", 80).error() == AuthorityError::kEmptyHost);
}

TEST_CASE("host: names and addresses standing alone") {
  CHECK(*parse_host("Example.COM.") == Host{"example.com", std::nullopt});
  CHECK(parse_host("192.0.2.1")->address == base::IpAddress::parse("192.0.2.1"));
  for (const char* text : {"::1", "[::1]", "0:0:0:0:0:0:0:1"}) {
    INFO(text);
    CHECK(*parse_host(text) == Host{"::1", base::IpAddress::parse("::1")});
  }
  CHECK(parse_host("").error() == AuthorityError::kEmptyHost);
  CHECK(parse_host("[").error() == AuthorityError::kBadCharacter);
  CHECK(parse_host("example.com:443").error() == AuthorityError::kBadCharacter);
  CHECK(parse_host("127.1").error() == AuthorityError::kBadNumericAddress);
  CHECK_FALSE(check_host("example.com"));
  CHECK(check_host("::g") == AuthorityError::kBadCharacter);
}

}  // namespace sluice::wire
