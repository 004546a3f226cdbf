#include "proxy/wire/client_hello.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>

#include "proxy/wire/authority.h"
#include "proxy/wire/limits.h"
#include "tests/unit/wire/hello_builder.h"
#include "tests/unit/wire/hello_summary.h"
#include "tests/unit/wire/hex_file.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire {

namespace {

using namespace test;  // NOLINT: the builder reads as a small language

std::string outcome(const Bytes& bytes) {
  return replay(bytes, {}, make_peek, [](const HelloParse& parse) { return summary(parse); });
}
std::string invalid(HelloError error) {
  return std::string("invalid: ") + describe(error);
}
std::optional<std::string> difference(const Bytes& bytes, size_t step = 1) {
  return split_difference(
      bytes, make_peek, [](const HelloParse& parse) { return summary(parse); }, step);
}

HelloSpec with_extensions(const Bytes& extensions) {
  HelloSpec spec;
  spec.extensions = extensions;
  return spec;
}

struct Bad {
  const char* what;
  Bytes bytes;
  HelloError error;
};

void check_bad(const std::vector<Bad>& cases) {
  for (const Bad& c : cases) {
    INFO(c.what);
    CHECK(outcome(c.bytes) == invalid(c.error));
    CHECK_FALSE(difference(c.bytes, std::max<size_t>(1, c.bytes.size() / 500)));
  }
}

}  // namespace

TEST_CASE("hello: a hybrid hello is read in one pass") {
  const Bytes bytes = record(hybrid_hello().message());
  CHECK(bytes.size() > 1700);
  ClientHelloPeek peek;
  const auto parse = peek.feed(bytes);
  REQUIRE(parse.is_complete());
  CHECK(parse.length() == bytes.size());
  const ClientHello& hello = parse.value();
  CHECK(hello.legacy_version == 0x0303);
  CHECK(hello.version == 0x0304);
  CHECK(hello.server_name == "www.example.com");
  CHECK(hello.random.size() == 32);
  CHECK(hello.session_id.size() == 32);
  CHECK(hello.cipher_suites.size() == 16);
  CHECK(hello.cipher_suites[1] == 0x1301);
  CHECK(std::vector<std::string_view>{"h2", "http/1.1"} == [&] {
    std::vector<std::string_view> names;
    for (const std::string_view name : hello.alpn) names.push_back(name);
    return names;
  }());
  std::vector<std::pair<uint16_t, size_t>> shares;
  for (const Tagged& share : hello.key_shares) shares.emplace_back(share.tag, share.body.size());
  CHECK(shares == std::vector<std::pair<uint16_t, size_t>>{{0x4a4a, 1}, {0x11ec, 1216}, {0x001d, 32}});
  CHECK(hello.groups.size() == 5);
  CHECK(hello.signature_algorithms.size() == 8);
  CHECK(hello.ech == EchKind::kOuter);
  CHECK_FALSE(hello.pre_shared_key);
  CHECK_FALSE(hello.early_data);
  std::vector<uint16_t> order;
  for (const Tagged& item : hello.extensions) order.push_back(item.tag);
  CHECK(order == std::vector<uint16_t>{0x3a3a, 0, 0x0a, 0x10, 0x2b, 0x0d, 0x33, 0xfe0d, 0x23, 0x0b, 0x1b, 0x44cd, 0x2d,
                                       0xff01, 0x8a8a});
}

TEST_CASE("hello: every split gives the answer of the whole") {
  const Bytes message = hybrid_hello().message();
  CHECK_FALSE(difference(record(message)));
  CHECK_FALSE(difference(records_of(message, 512)));
  CHECK_FALSE(difference(records_of(message, 1), 97));
  for (const Bytes& bytes : hex_files("hellos")) CHECK_FALSE(difference(bytes));
}

TEST_CASE("hello: two records with the border at every place") {
  const Bytes message = hybrid_hello().message();
  const std::string whole = outcome(record(message));
  const std::string fields = whole.substr(whole.find(" version="));
  for (size_t border = 1; border < message.size(); ++border) {
    const auto middle = message.begin() + static_cast<ptrdiff_t>(border);
    const Bytes bytes = record(Bytes(message.begin(), middle)) + record(Bytes(middle, message.end()));
    const std::string parsed = outcome(bytes);
    if (parsed != "complete " + std::to_string(bytes.size()) + fields) FAIL("border at " << border << ": " << parsed);
  }
}

TEST_CASE("hello: records of one byte") {
  const Bytes bytes = records_of(hybrid_hello().message(), 1);
  CHECK(
      outcome(bytes).starts_with("complete " + std::to_string(bytes.size()) + " version=771/772 name=www.example.com"));
}

TEST_CASE("hello: bytes behind the last record are not its own") {
  const Bytes hello = record(hybrid_hello().message());
  CHECK(outcome(hello + Bytes{0x17, 3, 3, 0, 1, 0}) == outcome(hello));
  const Bytes split = records_of(hybrid_hello().message(), 100);
  CHECK(outcome(split + text("anything")) == outcome(split));
}

TEST_CASE("hello: a second call gives views into the bytes shown last") {
  for (const Bytes& first : {record(hybrid_hello().message()), records_of(hybrid_hello().message(), 300)}) {
    ClientHelloPeek peek;
    auto held = std::make_unique<Bytes>(first);
    const std::string before = summary(peek.feed(*held));
    held = std::make_unique<Bytes>(first + Bytes(10, 0));
    CHECK(summary(peek.feed(*held)) == before);
  }
}

TEST_CASE("hello: an error is repeated") {
  ClientHelloPeek peek;
  const Bytes bytes = text("GET / HTTP/1.1\r\n");
  CHECK(summary(peek.feed(base::ByteView(bytes).first(1))) == invalid(HelloError::kNotTls));
  CHECK(summary(peek.feed(bytes)) == invalid(HelloError::kNotTls));
}

TEST_CASE("hello: real clients") {
  const auto parse_file = [](const char* name, auto check) {
    const Bytes bytes = hex_file(std::string("hellos/") + name);
    ClientHelloPeek peek;
    const auto parse = peek.feed(bytes);
    INFO(name);
    REQUIRE(parse.is_complete());
    CHECK(parse.length() == bytes.size());
    check(parse.value());
  };
  parse_file("openssl_tls13.hex", [](const ClientHello& hello) {
    CHECK(hello.server_name == "www.example.com");
    CHECK(hello.version == 0x0304);
    CHECK(hello.ech == EchKind::kNone);
  });
  parse_file("openssl_tls12.hex", [](const ClientHello& hello) {
    CHECK(hello.server_name.empty());
    CHECK(hello.version == 0x0303);
    CHECK(hello.supported_versions.empty());
    CHECK(hello.alpn.empty());
    CHECK(hello.key_shares.empty());
  });
  parse_file("openssl_fragmented.hex", [](const ClientHello& hello) { CHECK(hello.server_name == "www.example.com"); });
  parse_file("curl.hex", [](const ClientHello& hello) { CHECK(hello.server_name == "curl.example"); });
}

TEST_CASE("hello: odd but valid") {
  HelloSpec old;
  old.legacy_version = 0x0301;
  old.session_id.clear();
  old.extension_block = false;
  CHECK(outcome(record(old.message())).starts_with("complete"));
  old.extension_block = true;
  CHECK(outcome(record(old.message())).starts_with("complete"));

  const Bytes identities = vector16(vector16(text("ticket")) + Bytes{0, 0, 0, 1});
  const Bytes psk = extension(0x29, identities + vector16(vector8(Bytes(32, 9))));
  const std::string resumed = outcome(record(with_extensions(extension(0x2a, {}) + psk).message()));
  CHECK(resumed.find("psk=1 early=1") != std::string::npos);

  CHECK(outcome(record(with_extensions(extension(0xfe0d, {1})).message())).find(" ech=3 ") != std::string::npos);
  CHECK(outcome(record(with_extensions(extension(0x33, vector16({}))).message())).starts_with("complete"));
  const std::string grease_only = outcome(record(with_extensions(supported_versions({0x0a0a})).message()));
  CHECK(grease_only.starts_with("complete 93 version=771/0 "));
  const std::string address = outcome(record(with_extensions(server_name("192.0.2.1")).message()));
  CHECK(address.find("name=192.0.2.1 ") != std::string::npos);
}

TEST_CASE("hello: need more") {
  const Bytes bytes = record(hybrid_hello().message());
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5}, size_t{8}, size_t{9}, bytes.size() - 1}) {
    CHECK(outcome(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size))) == "need more");
  }
}

TEST_CASE("hello: records that are wrong") {
  const Bytes message = hybrid_hello().message();
  const Bytes first(message.begin(), message.begin() + 100);
  const Bytes large_message = u8(1) + u24(client_hello_bytes_max) + Bytes(10, 0);
  HelloSpec large = hybrid_hello();
  large.extensions = large.extensions + extension(0x1234, Bytes(50000, 0)) + extension(0x1235, Bytes(13000, 0));
  check_bad({
      {"plain HTTP", text("GET / HTTP/1.1\r\n\r\n"), HelloError::kNotTls},
      {"SSH", text("SSH-2.0-x\r\n"), HelloError::kNotTls},
      {"SSL 2 hello", {0x80, 0x2e, 1, 3, 1}, HelloError::kNotTls},
      {"other major version", {22, 2, 0, 0, 5}, HelloError::kNotTls},
      {"application data first", {23, 3, 3, 0, 1, 0}, HelloError::kNotTls},
      {"empty record", {22, 3, 1, 0, 0}, HelloError::kBadRecord},
      {"record over 16384 bytes", {22, 3, 1, 0x40, 1}, HelloError::kBadRecord},
      {"alert between records", record(first) + Bytes{21, 3, 3, 0, 2, 1, 0}, HelloError::kBadRecord},
      {"empty record between", record(first) + Bytes{22, 3, 3, 0, 0}, HelloError::kBadRecord},
      {"other version between", record(first) + Bytes{22, 4, 0}, HelloError::kBadRecord},
      {"server hello", record(u8(2) + u24(0)), HelloError::kNotClientHello},
      {"message over the cap", record(large_message), HelloError::kTooLarge},
      {"one-byte records over the cap", records_of(u8(1) + u24(20000) + Bytes(15000, 0), 1), HelloError::kTooLarge},
      {"records over the cap by their headers", records_of(large.message(), 40), HelloError::kTooLarge},
      {"second message in the record", record(message + u8(1)), HelloError::kTrailingData},
      {"second message in the last record", record(first) + record(Bytes(message.begin() + 100, message.end()) + u8(0)),
       HelloError::kTrailingData},
      {"empty message", record(u8(1) + u24(0)), HelloError::kMalformed},
  });
  CHECK(outcome(records_of(large.message(), 16384)).starts_with("complete"));
}

TEST_CASE("hello: messages that are wrong") {
  const auto changed = [](auto change) {
    HelloSpec spec;
    change(spec);
    return record(spec.message());
  };
  const auto with = [](const Bytes& extensions) { return record(with_extensions(extensions).message()); };
  const Bytes psk = extension(0x29, vector16({1}) + vector16({1}));
  const auto names = [](const Bytes& list) { return extension(0, vector16(list)); };
  using E = HelloError;
  check_bad({
      {"legacy version", changed([](HelloSpec& s) { s.legacy_version = 0x0203; }), E::kMalformed},
      {"session id of 33", changed([](HelloSpec& s) { s.session_id = Bytes(33, 0); }), E::kMalformed},
      {"no cipher suite", changed([](HelloSpec& s) { s.cipher_suites.clear(); }), E::kMalformed},
      {"no compression", changed([](HelloSpec& s) { s.compressions.clear(); }), E::kMalformed},
      {"tail", changed([](HelloSpec& s) { s.tail = {0}; }), E::kMalformed},
      {"tail without extensions", changed([](HelloSpec& s) { s.extension_block = false, s.tail = {0}; }),
       E::kMalformed},
      {"extension cut short", with({0, 1, 0, 2, 0}), E::kMalformed},
      {"extension header cut short", with({0, 1, 0}), E::kMalformed},
      {"duplicate", with(extension(0x17, {}) + extension(0x17, {})), E::kDuplicateExtension},
      {"duplicate GREASE", with(extension(0x1a1a, {}) + extension(0x1a1a, {})), E::kDuplicateExtension},
      {"two server names", with(server_name("a.example") + server_name("b.example")), E::kDuplicateExtension},
      {"extension behind pre_shared_key", with(psk + extension(0x17, {})), E::kMalformed},
      {"pre_shared_key without binders", with(extension(0x29, vector16({1}))), E::kMalformed},
      {"early data with a body", with(extension(0x2a, {0})), E::kMalformed},
      {"empty name extension", with(extension(0, {})), E::kMalformed},
      {"empty name list", with(names({})), E::kMalformed},
      {"empty name", with(server_name("")), E::kBadServerName},
      {"name of another type", with(names(u8(1) + vector16(text("a.example")))), E::kBadServerName},
      {"two names in a list", with(names(u8(0) + vector16(text("a.example")) + u8(0) + vector16(text("b.example")))),
       E::kBadServerName},
      {"name with NUL", with(server_name(std::string_view("a\0b.example", 11))), E::kBadServerName},
      {"name with a port", with(server_name("a.example:443")), E::kBadServerName},
      {"numeric name", with(server_name("2130706433")), E::kBadServerName},
      {"name longer than its list", with(extension(0, vector16(u8(0) + u16(9) + text("a")))), E::kMalformed},
      {"bytes behind the name list", with(extension(0, vector16(u8(0) + vector16(text("a"))) + u8(0))), E::kMalformed},
      {"empty ALPN list", with(extension(0x10, vector16({}))), E::kMalformed},
      {"empty ALPN name", with(alpn({"h2", ""})), E::kMalformed},
      {"ALPN name cut short", with(extension(0x10, vector16({5, 'h', '2'}))), E::kMalformed},
      {"odd supported versions", with(extension(0x2b, vector8({3, 4, 3}))), E::kMalformed},
      {"no supported versions", with(extension(0x2b, vector8({}))), E::kMalformed},
      {"odd groups", with(extension(0x0a, vector16({0}))), E::kMalformed},
      {"odd signature algorithms", with(extension(0x0d, vector16({4, 3, 8}))), E::kMalformed},
      {"empty key exchange", with(extension(0x33, vector16(key_share(0x1d, 0)))), E::kMalformed},
      {"key share cut short", with(extension(0x33, vector16({0, 0x1d, 0, 32, 1}))), E::kMalformed},
      {"ECH of type 2", with(extension(0xfe0d, {2})), E::kMalformed},
      {"ECH inner with a body", with(extension(0xfe0d, {1, 0})), E::kMalformed},
      {"ECH outer cut short", with(extension(0xfe0d, {0, 0, 1, 0, 1, 7, 0, 0})), E::kMalformed},
      {"empty ECH", with(extension(0xfe0d, {})), E::kMalformed},
  });
}

TEST_CASE("hello: every cut of the body is refused, none read past its end") {
  const Bytes body = hybrid_hello().body();
  for (size_t size = 0; size < body.size(); ++size) {
    const Bytes cut(body.begin(), body.begin() + static_cast<ptrdiff_t>(size));
    const auto parse = parse_client_hello_body(cut);
    // Cut right in front of the extension block it is the hello of a client without extensions.
    const bool without_extensions = size == 2 + 32 + 33 + 2 + 32 + 2;
    CHECK(parse.is_complete() == without_extensions);
  }
}

TEST_CASE("hello: feeding 64 KiB byte by byte is linear") {
  HelloSpec large = hybrid_hello();
  large.extensions = large.extensions + extension(0x1234, Bytes(50000, 0)) + extension(0x1235, Bytes(13000, 0));
  const Bytes bytes = records_of(large.message(), 16384);
  const auto start = std::chrono::steady_clock::now();
  ClientHelloPeek peek;
  for (size_t size = 1; size < bytes.size(); ++size)
    REQUIRE(peek.feed(base::ByteView(bytes).first(size)).is_need_more());
  CHECK(peek.feed(bytes).is_complete());
  // Quadratic work would be two billion steps; under the sanitizers that is far beyond this.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

}  // namespace sluice::wire
