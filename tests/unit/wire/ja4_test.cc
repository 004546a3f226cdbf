#include "proxy/wire/ja4.h"

#include <catch2/catch.hpp>

#include "proxy/wire/limits.h"
#include "tests/unit/wire/hello_builder.h"
#include "tests/unit/wire/hex_file.h"

namespace sluice::wire {

namespace {

using namespace test;  // NOLINT: the builder reads as a small language

std::string raw_of(const HelloSpec& spec) {
  const Bytes body = spec.body();
  const auto parse = parse_client_hello_body(body);
  REQUIRE(parse.is_complete());
  return ja4_raw(parse.value());
}

std::string raw_of_file(const char* name) {
  const Bytes bytes = hex_file(std::string("hellos/") + name);
  ClientHelloPeek peek;
  const auto parse = peek.feed(bytes);
  REQUIRE(parse.is_complete());
  return ja4_raw(parse.value());
}

// The Chrome hello of the published description: suites and extensions in its order, with GREASE added.
HelloSpec published_chrome() {
  HelloSpec spec;
  spec.cipher_suites = {0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                        0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  spec.extensions = extension(0x2a2a, {}) + extension(0x001b, {}) + server_name("example.com") +
                    extension(0x0033, vector16(key_share(0x1d, 32))) + alpn({"h2", "http/1.1"}) +
                    extension(0x4469, {}) + extension(0x0017, {}) + extension(0x002d, {1, 1}) +
                    signature_algorithms({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}) +
                    extension(0x0005, {}) + extension(0x0023, {}) + extension(0x0012, {}) +
                    supported_versions({0x3a3a, 0x0304, 0x0303}) + extension(0xff01, {0}) + extension(0x000b, {1, 0}) +
                    groups({0x4a4a, 0x001d, 0x0017}) + extension(0x5a5a, {0}) + extension(0x0015, Bytes(40, 0));
  return spec;
}

constexpr const char* openssl_suites =
    "002f,0033,0035,0039,003c,003d,0067,006b,009c,009d,009e,009f,00ff,1301,1302,1303,c009,c00a,c013,c014,c023,c024,"
    "c027,c028,c02b,c02c,c02f,c030,cca8,cca9,ccaa";
constexpr const char* openssl_algorithms =
    "0403,0503,0603,0807,0808,0809,080a,080b,0804,0805,0806,0401,0501,0601,0303,0301,0302,0402,0502,0602";

}  // namespace

// Its JA4 is t13d1516h2_8daaf6152771_e5627efa2ab1: the first 12 hex digits of SHA-256 over the second and third part.
TEST_CASE("ja4: the published vector") {
  const std::string raw = raw_of(published_chrome());
  CHECK(raw ==
        "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
        "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
        "0403,0804,0401,0503,0805,0501,0806,0601");
  const Ja4Parts parts = ja4_parts(raw);
  CHECK(parts.a == "t13d1516h2");
  CHECK(parts.ciphers == "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9");
  CHECK(parts.extensions ==
        "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
        "0403,0804,0401,0503,0805,0501,0806,0601");
}

TEST_CASE("ja4: real clients, checked with another implementation") {
  const std::string suites = openssl_suites;
  const std::string algorithms = openssl_algorithms;
  CHECK(raw_of_file("openssl_tls13.hex") ==
        "t13d3111h2_" + suites + "_000a,000b,000d,0016,0017,0023,002b,002d,0033_" + algorithms);
  CHECK(raw_of_file("openssl_fragmented.hex") ==
        "t13d3111p0_" + suites + "_000a,000b,000d,0016,0017,0023,002b,002d,0033_" + algorithms);
  CHECK(raw_of_file("curl.hex") ==
        "t13d3112h2_" + suites + "_000a,000b,000d,0015,0016,0017,002b,002d,0031,0033_" + algorithms);
  CHECK(raw_of_file("openssl_tls12.hex").starts_with("t12i280600_002f,0033,"));
}

TEST_CASE("ja4: first part") {
  const auto a_of = [](const Bytes& extensions) {
    HelloSpec spec;
    spec.extensions = extensions;
    return std::string(ja4_parts(raw_of(spec)).a);
  };
  using namespace std::string_view_literals;
  CHECK(a_of({}) == "t12i020000");
  CHECK(a_of(alpn({"http/1.1"})) == "t12i0201h1");
  CHECK(a_of(alpn({"\xab"sv})) == "t12i0201ab");
  CHECK(a_of(alpn({"\xab\xcd"sv})) == "t12i0201ad");
  CHECK(a_of(alpn({"0\xab"sv})) == "t12i02013b");
  CHECK(a_of(alpn({"01\xab\xcd"sv})) == "t12i02013d");
  CHECK(a_of(alpn({"0\xab\xcd"
                   "1"sv})) == "t12i020101");
  CHECK(a_of(alpn({"x"})) == "t12i0201xx");
  CHECK(a_of(alpn({"\x0a\x0a"sv})) == "t12i02010a");
  CHECK(a_of(supported_versions({0x0302, 0x0301})) == "t11i020100");
  CHECK(a_of(supported_versions({0x7f1c})) == "t00i020100");

  HelloSpec many;
  many.cipher_suites.assign(150, 0x1301);
  for (uint16_t i = 0; i < 120; ++i)
    many.extensions = many.extensions + extension(static_cast<uint16_t>(0x4000 + i), {});
  CHECK(ja4_parts(raw_of(many)).a == "t12i999900");
}

TEST_CASE("ja4: empty lists") {
  HelloSpec spec;
  spec.cipher_suites = {0x0a0a};
  CHECK(raw_of(spec) == "t12i000000__");
  CHECK(ja4_parts("t12i000000__").ciphers.empty());
  CHECK(ja4_parts("t12i000000__").extensions.empty());
  spec.cipher_suites = {0x1301};
  spec.extensions = extension(0x0017, {});
  CHECK(raw_of(spec) == "t12i010100_1301_0017");
  CHECK(ja4_parts("nothing").a.empty());
}

TEST_CASE("ja4: none of a list nobody sends") {
  HelloSpec spec;
  spec.cipher_suites.assign(ja4_list_entries_max, 0x1301);
  CHECK_FALSE(raw_of(spec).empty());
  spec.cipher_suites.push_back(0x1302);
  CHECK(raw_of(spec).empty());
}

}  // namespace sluice::wire
