#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "proxy/base/byte_reader.h"
#include "proxy/base/chunk.h"
#include "proxy/base/crc32c.h"
#include "proxy/base/file.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/base/text.h"
#include "tests/support/temporary_folder.h"

namespace sluice::base {

TEST_CASE("crc32c gives the check values of RFC 3720 B.4") {
  const std::string zeros(32, '\0');
  CHECK(crc32c(as_bytes(zeros)) == 0x8a9136aau);
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283u);
  CHECK(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))) == 0xe3069283u);
}

TEST_CASE("a chunk appends, consumes and frees") {
  Chunk chunk = Chunk::copy_of("hello");
  chunk.append(as_bytes(" world"));
  chunk.consume(6);
  CHECK(chunk.text() == "world");
  Chunk moved = std::move(chunk);
  CHECK(chunk.empty());  // NOLINT: a moved-from chunk is empty by contract
  moved.consume(5);
  CHECK(moved.empty());
  CHECK(moved.view().size() == 0);
}

TEST_CASE("a queue that is never quite empty does not grow with what goes through it") {
  const auto resident_kb_max = [] {
    rusage usage{};
    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
  };
  const std::string piece(64 * 1024, 'x');
  Chunk queue = Chunk::copy_of(piece);
  const long before = resident_kb_max();
  for (int i = 0; i < 8 * 1024; ++i) {  // 512 MiB
    queue.append(as_bytes(piece));
    queue.consume(piece.size());
  }
  CHECK(queue.text() == piece);
  CHECK(resident_kb_max() - before < 32 * 1024);
}

TEST_CASE("addresses parse strictly") {
  for (const char* good : {"0.0.0.0", "192.0.2.1", "::", "::1", "2001:db8::1", "::ffff:10.0.0.1"}) {
    INFO(good);
    REQUIRE(IpAddress::parse(good));
    CHECK(IpAddress::parse(good)->to_string() == good);
  }
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.1.1.1", "1.2.3.4 ",
                          "fe80::1%lo", "[::1]", ":::", "2130706433", "017700000001"}) {
    INFO(bad);
    CHECK_FALSE(IpAddress::parse(bad));
  }
  CHECK(IpAddress::parse("::ffff:10.0.0.1")->unmapped() == *IpAddress::parse("10.0.0.1"));
}

TEST_CASE("cidrs contain what they should") {
  CHECK(Cidr::parse("10.0.0.0/8")->contains(*IpAddress::parse("10.255.1.2")));
  CHECK_FALSE(Cidr::parse("10.0.0.0/8")->contains(*IpAddress::parse("11.0.0.0")));
  CHECK(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("8.8.8.8")));
  CHECK_FALSE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  CHECK(Cidr::parse("fc00::/7")->contains(*IpAddress::parse("fdff::1")));
  CHECK(Cidr::parse("192.0.2.7")->to_string() == "192.0.2.7/32");
  for (const char* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "x/8"}) {
    INFO(bad);
    CHECK_FALSE(Cidr::parse(bad));
  }
}

TEST_CASE("endpoints round-trip") {
  for (const char* text : {"127.0.0.1:0", "192.0.2.1:65535", "[2001:db8::1]:443"}) {
    REQUIRE(Endpoint::parse(text));
    CHECK(Endpoint::parse(text)->to_string() == text);
  }
  for (const char* bad : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:443", "[127.0.0.1]:1", ":80"}) {
    INFO(bad);
    CHECK_FALSE(Endpoint::parse(bad));
  }
}

TEST_CASE("byte reader never passes the end") {
  const std::string bytes(
      "\x00\x03"
      "abc\x01",
      6);
  ByteReader reader(as_bytes(bytes));
  CHECK(as_text(*reader.prefixed(2)) == "abc");
  CHECK_FALSE(reader.u16());
  CHECK(reader.left() == 1);
  CHECK_FALSE(reader.prefixed(1));
  CHECK(reader.position() == 5);
  CHECK(*reader.u8() == 1);
  CHECK(reader.done());
}

TEST_CASE("hex, decimal and nearest words") {
  CHECK(hex16(0xabcULL) == "0000000000000abc");
  CHECK(parse_hex16("0000000000000abc") == 0xabcULL);
  CHECK_FALSE(parse_hex16("abc"));
  CHECK(parse_decimal("18446744073709551615") == ~uint64_t{0});
  for (const char* bad : {"", "-1", "+1", "01", "1 ", "18446744073709551616"}) CHECK_FALSE(parse_decimal(bad));
  CHECK(nearest_words("adress", {"name", "address", "kind"}) == std::vector<std::string>{"address"});
  CHECK(nearest_words("zzzzzz", {"name", "address"}).empty());
}

TEST_CASE("a file is replaced whole, with its new mode, and nothing stays beside it") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal");
  REQUIRE(replace_file(path, "one", 0600).ok());
  REQUIRE(replace_file(path, "two", 0640).ok());
  CHECK(read_file(path, 100).value() == "two");
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::all) == (std::filesystem::perms(0640)));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK_FALSE(create_file(path, "three", 0600).ok());
  CHECK_FALSE(replace_file(folder.path("missing/journal"), "x", 0600).ok());
}

}  // namespace sluice::base
