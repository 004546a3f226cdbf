#include "proxy/wire/proxy_header.h"

#include <catch2/catch.hpp>

#include "proxy/base/crc32c.h"
#include "proxy/wire/limits.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire {

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string header(const std::string& kind, const std::string& rest) {
  const auto size = static_cast<uint16_t>(rest.size());
  return signature + kind + static_cast<char>(size >> 8) + static_cast<char>(size & 255) + rest;
}
const std::string addresses_v4("\xc0\x00\x02\x09\xc6\x33\x64\x01\xc7\x38\x01\xbb", 12);

std::string summary(const Parse<ProxyHeader, ProxyHeaderError>& parse) {
  if (parse.is_need_more()) return "need more";
  if (parse.is_invalid()) return describe(parse.reason());
  const auto& addresses = parse.value().addresses;
  return std::to_string(parse.length()) +
         (addresses ? " " + addresses->source.to_string() + " " + addresses->destination.to_string() : "");
}
auto make() {
  return [](base::ByteView held) { return parse_proxy_header(held); };
}
std::string outcome(const std::string& text) {
  CHECK(test::split_difference(base::as_bytes(text), make, summary) == std::nullopt);
  return test::replay(base::as_bytes(text), {}, make, summary);
}

}  // namespace

TEST_CASE("proxy header: version 2") {
  CHECK(outcome(header("\x21\x11", addresses_v4) + "GET /") == "28 192.0.2.9:51000 198.51.100.1:443");
  const std::string v6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                         std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') +
                         std::string("\x02\x00\x01\x01\xbb", 5);
  CHECK(outcome(header("\x21\x21", v6)) == "52 [2001:db8::1]:1 [2001:db8::2]:443");
  CHECK(outcome(header(std::string("\x20\x00", 2), "")) == "16");
  CHECK(outcome(header("\x20\x11", addresses_v4)) == "28");
  CHECK(outcome(header(std::string("\x21\x00", 2), "anything")) == "24");
  CHECK(outcome(header("\x21\x11", addresses_v4 + std::string("\x02\x00\x03"
                                                              "abc\x04\x00\x00",
                                                              9))) == "37 192.0.2.9:51000 198.51.100.1:443");
  CHECK(outcome(signature) == "need more");
}

TEST_CASE("proxy header: a checksum is checked") {
  std::string text = header("\x21\x11", addresses_v4 + std::string("\x03\x00\x04\0\0\0\0", 7));
  const uint32_t crc = base::crc32c(base::as_bytes(text));
  CHECK(outcome(text) == describe(ProxyHeaderError::kBadChecksum));
  for (size_t i = 0; i < 4; ++i) text[text.size() - 4 + i] = static_cast<char>(crc >> (24 - 8 * i));
  CHECK(outcome(text) == "35 192.0.2.9:51000 198.51.100.1:443");
}

TEST_CASE("proxy header: what is refused") {
  CHECK(outcome("GET / HTTP/1.1\r\n") == describe(ProxyHeaderError::kNoSignature));
  CHECK(outcome("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n") == describe(ProxyHeaderError::kVersion1));
  CHECK(outcome("PRO") == "need more");
  CHECK(outcome("PRI * HTTP/2.0") == describe(ProxyHeaderError::kNoSignature));
  CHECK(outcome(header("\x11\x11", addresses_v4)) == describe(ProxyHeaderError::kBadVersion));
  CHECK(outcome(header("\x22\x11", addresses_v4)) == describe(ProxyHeaderError::kBadCommand));
  CHECK(outcome(header("\x21\x12", addresses_v4)) == describe(ProxyHeaderError::kBadFamily));
  CHECK(outcome(header("\x21\x31", addresses_v4)) == describe(ProxyHeaderError::kBadFamily));
  CHECK(outcome(header("\x21\x11", addresses_v4.substr(1))) == describe(ProxyHeaderError::kBadLength));
  CHECK(outcome(header("\x21\x11", addresses_v4 + "\x02")) == describe(ProxyHeaderError::kBadTlv));
  CHECK(outcome(header("\x21\x11", addresses_v4 + std::string("\x02\x00\x05"
                                                              "abc",
                                                              6))) == describe(ProxyHeaderError::kBadTlv));
  CHECK(outcome(header("\x21\x11", std::string(proxy_header_bytes_max, 'x'))) ==
        describe(ProxyHeaderError::kBadLength));
}

}  // namespace sluice::wire
