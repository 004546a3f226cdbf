#include "proxy/wire/socks5.h"

#include <catch2/catch.hpp>

#include "tests/unit/wire/hello_builder.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire {

namespace {

using test::Bytes;
using test::text;
using test::u16;
using test::vector8;
using test::operator+;

template <class T>
std::string fail_text(const Parse<T, SocksError>& parse) {
  return std::string("invalid: ") + describe(parse.reason());
}
std::string greeting_summary(const Parse<SocksGreeting, SocksError>& parse) {
  if (parse.is_invalid()) return fail_text(parse);
  return std::to_string(parse.length()) + (parse.value().offers_none ? " none" : "") +
         (parse.value().offers_user_password ? " password" : "");
}
std::string credentials_summary(const Parse<SocksCredentials, SocksError>& parse) {
  if (parse.is_invalid()) return fail_text(parse);
  return std::to_string(parse.length()) + " " + parse.value().user + "/" + parse.value().password;
}
std::string request_summary(const Parse<Authority, SocksError>& parse) {
  if (parse.is_invalid()) return fail_text(parse);
  return std::to_string(parse.length()) + " " + parse.value().to_string();
}

struct Case {
  Bytes bytes;
  std::string expected;
};

template <class F, class Summarise>
void check_cases(const std::vector<Case>& cases, F parse, Summarise summarise) {
  for (const Case& c : cases) {
    const auto make = [&] { return parse; };
    CHECK(test::replay(c.bytes, {}, make, summarise) == c.expected);
    CHECK_FALSE(test::split_difference(c.bytes, make, summarise));
  }
}

Bytes request(uint8_t command, uint8_t type, const Bytes& address, uint16_t port) {
  return Bytes{5, command, 0, type} + address + u16(port);
}

std::string invalid(SocksError error) {
  return std::string("invalid: ") + describe(error);
}

}  // namespace

TEST_CASE("socks: greeting") {
  check_cases(
      {
          {{5, 1, 0}, "3 none"},
          {{5, 1, 2}, "3 password"},
          {{5, 3, 0, 1, 2}, "5 none password"},
          {{5, 1, 0x80}, "3"},
          {Bytes{5, 1, 0} + text("more"), "3 none"},
          {Bytes{5, 255} + Bytes(255, 2), "257 password"},
          {{5, 0}, invalid(SocksError::kNoMethods)},
          {{4, 1, 0, 80}, invalid(SocksError::kBadVersion)},
          {text("GET / HTTP/1.1\r\n"), invalid(SocksError::kBadVersion)},
          {{}, "need more"},
          {{5}, "need more"},
          {{5, 2, 0}, "need more"},
      },
      parse_socks_greeting, greeting_summary);
}

TEST_CASE("socks: user and password") {
  check_cases(
      {
          {Bytes{1} + vector8(text("alice")) + vector8(text("s:ecret")), "15 alice/s:ecret"},
          {Bytes{1} + vector8(Bytes(255, 'u')) + vector8(Bytes(255, 'p')),
           "513 " + std::string(255, 'u') + "/" + std::string(255, 'p')},
          {{1, 1, 'u', 1, 'p', 'x'}, "5 u/p"},
          {{5, 1, 'u', 1, 'p'}, invalid(SocksError::kBadVersion)},
          {{1, 0, 1, 'p'}, invalid(SocksError::kEmptyCredentials)},
          {{1, 1, 'u', 0}, invalid(SocksError::kEmptyCredentials)},
          {{1, 2, 'u'}, "need more"},
          {{1, 1, 'u', 2, 'p'}, "need more"},
      },
      parse_socks_credentials, credentials_summary);
}

TEST_CASE("socks: request") {
  const Bytes v6 = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  check_cases(
      {
          {request(1, 1, {192, 0, 2, 1}, 443), "10 192.0.2.1:443"},
          {request(1, 4, v6, 443), "22 [2001:db8::1]:443"},
          {request(1, 3, vector8(text("WWW.example.COM")), 80), "22 www.example.com:80"},
          {request(1, 3, vector8(text("192.0.2.1")), 80), "16 192.0.2.1:80"},
          {request(1, 3, vector8(text("2001:db8::1")), 80), "18 [2001:db8::1]:80"},
          {request(1, 3, vector8(text("a.example")), 80) + text("early"), "16 a.example:80"},
          {request(2, 1, {192, 0, 2, 1}, 443), invalid(SocksError::kCommandNotSupported)},
          {request(3, 1, {0, 0, 0, 0}, 0), invalid(SocksError::kCommandNotSupported)},
          {request(9, 4, v6, 1), invalid(SocksError::kCommandNotSupported)},
          {{2, 1, 0, 1}, invalid(SocksError::kBadVersion)},
          {{5, 1, 1, 1}, invalid(SocksError::kBadReserved)},
          {{5, 1, 0, 2}, invalid(SocksError::kBadAddressType)},
          {request(1, 1, {192, 0, 2, 1}, 0), invalid(SocksError::kBadPort)},
          {request(1, 3, {0}, 80), invalid(SocksError::kBadHost)},
          {request(1, 3, vector8(text("127.1")), 80), invalid(SocksError::kBadHost)},
          {request(1, 3, vector8(text("a b")), 80), invalid(SocksError::kBadHost)},
          {request(1, 3, vector8(Bytes(255, 'a')), 80), invalid(SocksError::kBadHost)},
          {{5, 2, 0, 1, 192}, "need more"},
          {{5, 1, 0, 3}, "need more"},
          {{5, 1, 0, 4, 1, 2, 3, 4, 5, 6}, "need more"},
      },
      parse_socks_request, request_summary);
}

TEST_CASE("socks: replies") {
  using namespace std::string_literals;
  CHECK(socks_method_reply(SocksMethod::kNone) == "\5\0"s);
  CHECK(socks_method_reply(SocksMethod::kNoneAcceptable) == "\5\xff"s);
  CHECK(socks_credentials_reply(true) == "\1\0"s);
  CHECK(socks_credentials_reply(false) == "\1\1"s);
  CHECK(socks_reply(SocksReply::kSucceeded, *base::Endpoint::parse("192.0.2.7:8080")) == "\5\0\0\1\xc0\0\2\7\x1f\x90"s);
  CHECK(socks_reply(SocksReply::kConnectionRefused) == "\5\5\0\1\0\0\0\0\0\0"s);
  CHECK(socks_reply(SocksReply::kSucceeded, *base::Endpoint::parse("[2001:db8::1]:1")) ==
        "\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\1"s);
  CHECK(reply_for(SocksError::kCommandNotSupported) == SocksReply::kCommandNotSupported);
  CHECK(reply_for(SocksError::kBadAddressType) == SocksReply::kAddressTypeNotSupported);
  CHECK(reply_for(SocksError::kBadHost) == SocksReply::kGeneralFailure);
}

}  // namespace sluice::wire
