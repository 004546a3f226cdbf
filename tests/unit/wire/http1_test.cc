#include "proxy/wire/http1.h"

#include <catch2/catch.hpp>

#include "proxy/wire/base64.h"
#include "proxy/wire/limits.h"
#include "tests/unit/wire/http1_summary.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire {

namespace {

using test::head_summary;
using test::make_head_parser;

std::string outcome(const std::string& text) {
  return test::replay(base::as_bytes(text), {}, make_head_parser, head_summary);
}
std::optional<std::string> difference(const std::string& text, size_t step = 1) {
  return test::split_difference(base::as_bytes(text), make_head_parser, head_summary, step);
}
std::string invalid(Http1Error error) {
  return std::string("invalid: ") + describe(error);
}

RequestHead head_of(const std::string& method, const std::string& target) {
  return {method, target, 1, {}};
}

}  // namespace

TEST_CASE("http1: request heads") {
  struct Good {
    std::string text;
    std::string expected;
  };
  const std::vector<Good> cases = {
      {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
       "complete 59 CONNECT example.com:443 1.1 |Host=example.com:443"},
      {"GET / HTTP/1.0\r\n\r\n", "complete 18 GET / 1.0"},
      {"GET http://a.example/?q HTTP/1.1\r\nhost:a.example\r\nX:\r\nY: \t a  b\t \r\n\r\nbody",
       "complete 69 GET http://a.example/?q 1.1 |host=a.example|X=|Y=a  b"},
      {"M-SEARCH * HTTP/1.1\r\nA: \xc3\xa9\r\n\r\n", "complete 30 M-SEARCH * 1.1 |A=\xc3\xa9"},
      {"GET / HTTP/1.1\r\nA: b:c\r\nA: d\r\n\r\n", "complete 32 GET / 1.1 |A=b:c|A=d"},
      {"", "need more"},
      {"GET / HTTP/1.1\r\nA: b\r\n", "need more"},
      {"GET / HTTP/1.1\r\nA: b\r\n\r", "need more"},
  };
  for (const Good& c : cases) {
    CHECK(outcome(c.text) == c.expected);
    CHECK_FALSE(difference(c.text));
  }
}

TEST_CASE("http1: refused heads") {
  struct Bad {
    std::string text;
    Http1Error error;
  };
  using E = Http1Error;
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::vector<Bad> cases = {
      {"\x16\x03\x01", E::kBadMethod},
      {"\r\nGET / HTTP/1.1\r\n\r\n", E::kBadMethod},
      {" GET / HTTP/1.1\r\n\r\n", E::kBadMethod},
      {"G(T / HTTP/1.1\r\n\r\n", E::kBadMethod},
      {"GET\t/ HTTP/1.1\r\n\r\n", E::kBadRequestLine},
      {"GET /\r\n\r\n", E::kBadRequestLine},
      {"GET\r\n\r\n", E::kBadRequestLine},
      {"GET  / HTTP/1.1\r\n\r\n", E::kBadTarget},
      {"GET /\x01 HTTP/1.1\r\n\r\n", E::kBadTarget},
      {"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", E::kBadTarget},
      {"GET / x HTTP/1.1\r\n\r\n", E::kBadVersion},
      {"GET /  HTTP/1.1\r\n\r\n", E::kBadVersion},
      {"GET / HTTP/1.1 \r\n\r\n", E::kBadVersion},
      {"GET / http/1.1\r\n\r\n", E::kBadVersion},
      {"GET / HTTP/1.2\r\n\r\n", E::kBadVersion},
      {"GET / HTTP/01.1\r\n\r\n", E::kBadVersion},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", E::kBadVersion},
      {"GET / HTTP/1.1\n\n", E::kBareLineFeed},
      {line + "A: b\n\r\n", E::kBareLineFeed},
      {line + "A: b\r\n\n", E::kBareLineFeed},
      {line + "A: b\rc\r\n\r\n", E::kBadFieldValue},
      {line + "A: b\r\r\n\r\n", E::kBadFieldValue},
      {line + std::string("A: b\0c\r\n\r\n", 10), E::kBadFieldValue},
      {line + "A: \x01\r\n\r\n", E::kBadFieldValue},
      {line + "A: \x7f\r\n\r\n", E::kBadFieldValue},
      {line + "A: b\r\n c\r\n\r\n", E::kFolded},
      {line + "\tA: b\r\n\r\n", E::kFolded},
      {line + "A : b\r\n\r\n", E::kBadFieldName},
      {line + ": b\r\n\r\n", E::kBadFieldName},
      {line + "A\r\n\r\n", E::kBadFieldName},
      {line + "A\xe9: b\r\n\r\n", E::kBadFieldName},
      {line + "A B: b\r\n\r\n", E::kBadFieldName},
      {line + std::string("A\0: b\r\n\r\n", 9), E::kBadFieldName},
      {line + "A: b\r\n\r\r\n", E::kBadFieldName},
  };
  for (const Bad& c : cases) {
    INFO(c.text);
    CHECK(outcome(c.text) == invalid(c.error));
    CHECK_FALSE(difference(c.text));
  }
}

TEST_CASE("http1: limits of a head") {
  const std::string start = "GET / HTTP/1.1\r\nA: ";
  const std::string fits = start + std::string(head_bytes_max - start.size() - 4, 'a') + "\r\n\r\n";
  CHECK(outcome(fits).starts_with("complete " + std::to_string(head_bytes_max) + " GET"));
  CHECK(outcome(fits + "body").starts_with("complete"));
  const std::string over = start + std::string(head_bytes_max - start.size() - 3, 'a') + "\r\n\r\n";
  for (const std::string& text : {over, std::string(head_bytes_max, 'a'), over.substr(0, head_bytes_max)}) {
    CHECK(outcome(text) == invalid(Http1Error::kTooLarge));
    CHECK_FALSE(difference(text, 1999));
  }
  CHECK(outcome(over.substr(0, head_bytes_max - 1)) == "need more");

  std::string many = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < head_fields_max; ++i) many += "A: b\r\n";
  CHECK(outcome(many + "\r\n").starts_with("complete"));
  CHECK(outcome(many + "A: b\r\n\r\n") == invalid(Http1Error::kTooLarge));
}

TEST_CASE("http1: fields are found without case") {
  const Fields fields = {{"Host", "a"}, {"host", "b"}, {"Via", ""}};
  CHECK(*find_field(fields, "HOST") == "a");
  CHECK(find_field(fields, "Ho") == nullptr);
  CHECK(find_field(fields, "via")->empty());
  CHECK(count_fields(fields, "hoST") == 2);
}

TEST_CASE("http1: targets") {
  struct Case {
    const char* method;
    const char* target;
    TargetForm form;
    const char* authority;
    const char* path;
  };
  const std::vector<Case> cases = {
      {"CONNECT", "Example.com:443", TargetForm::kAuthority, "example.com:443", ""},
      {"CONNECT", "[::1]:443", TargetForm::kAuthority, "[::1]:443", ""},
      {"GET", "http://Example.com", TargetForm::kAbsolute, "example.com:80", "/"},
      {"GET", "HTTP://example.com:8080/a?b", TargetForm::kAbsolute, "example.com:8080", "/a?b"},
      {"GET", "http://example.com?b/c", TargetForm::kAbsolute, "example.com:80", "/?b/c"},
      {"GET", "http://[::1]/", TargetForm::kAbsolute, "[::1]:80", "/"},
      {"GET", "/a?b", TargetForm::kOrigin, ":0", "/a?b"},
      {"OPTIONS", "*", TargetForm::kAsterisk, ":0", ""},
      {"GET", "*", TargetForm::kOther, ":0", ""},
      {"GET", "https://example.com/", TargetForm::kOther, ":0", ""},
      {"GET", "example.com:443", TargetForm::kOther, ":0", ""},
  };
  for (const Case& c : cases) {
    INFO(c.method << " " << c.target);
    const auto target = classify_target(head_of(c.method, c.target));
    REQUIRE(target);
    CHECK(target->form == c.form);
    CHECK(target->authority.to_string() == c.authority);
    CHECK(target->path == c.path);
  }
  CHECK(classify_target(head_of("CONNECT", "/")).error() == AuthorityError::kMissingPort);
  CHECK(classify_target(head_of("CONNECT", "http://example.com/")).error() == AuthorityError::kBadPort);
  CHECK(classify_target(head_of("CONNECT", "127.1:443")).error() == AuthorityError::kBadNumericAddress);
  CHECK(classify_target(head_of("GET", "http:///path")).error() == AuthorityError::kEmptyHost);
  CHECK(classify_target(head_of("GET", "http://user@example.com/")).error() == AuthorityError::kBadCharacter);
  CHECK(classify_target(head_of("GET", "http://u:p@example.com/")).error() == AuthorityError::kBadPort);
  CHECK(classify_target(head_of("GET", "http://0x7f.1/")).error() == AuthorityError::kBadNumericAddress);
}

TEST_CASE("http1: fragments have no place in a request") {
  CHECK(outcome("GET http://example.com/#a HTTP/1.1\r\n\r\n") == invalid(Http1Error::kBadTarget));
}

TEST_CASE("http1: base64 is strict") {
  CHECK(decode_base64("") == "");
  CHECK(decode_base64("Zg==") == "f");
  CHECK(decode_base64("Zm8=") == "fo");
  CHECK(decode_base64("Zm9v") == "foo");
  CHECK(decode_base64("Zm9vYmFy") == "foobar");
  CHECK(decode_base64("+/+/") == "\xfb\xff\xbf");
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "====", "=", "Z=g=", "Zg==Zg==", "Zm 9", "Zm9v\n",
                           "-_-_", "A===", "AA=A"}) {
    INFO(text);
    CHECK_FALSE(decode_base64(text));
  }
}

TEST_CASE("http1: basic credentials") {
  const auto good = parse_basic_credentials("Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==");
  REQUIRE(good);
  CHECK(good->user == "Aladdin");
  CHECK(good->password == "open:sesame");
  CHECK(parse_basic_credentials("bAsIc   dTo=")->user == "u");
  CHECK(parse_basic_credentials("Basic Og==")->user.empty());
  for (const char* text : {"", "Basic", "Basic ", "Basic\tdTo=", "Bearer dTo=", "Basic dQ==", "Basic dTo",
                           "Basic dTo= ", "Basic dToACg==", "Basic dToJ"}) {
    INFO(text);
    CHECK_FALSE(parse_basic_credentials(text));
  }
}

TEST_CASE("http1: responses") {
  CHECK(response_head(200, "Connection established", {}) == "HTTP/1.1 200 Connection established\r\n\r\n");
  CHECK(simple_response(403, "Forbidden", {{"Connection", "close"}}, "no\n") ==
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n");
  CHECK(response_head(400, "a\r\nb", {{"X", std::string("c\r\nY: d\0e", 9)}}) ==
        "HTTP/1.1 400 a  b\r\nX: c  Y: d e\r\n\r\n");
}

}  // namespace sluice::wire
