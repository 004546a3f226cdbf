// What the readers of HTTP/1 bound by themselves; the strict reading is wire/'s and has its tests there.
#include "proxy/http/http1_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "proxy/http/limits.h"

namespace sluice::http::test {

TEST_CASE("interim responses are bounded, for one request") {
  ResponseReader reader("GET");
  std::string flood;
  for (size_t i = 0; i < interim_responses_max; ++i) flood += "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  reader.receive(base::Chunk::copy_of(flood));
  for (size_t i = 0; i < interim_responses_max; ++i) {
    REQUIRE(reader.next() == Next::kHead);
    CHECK(reader.response().status == 103);
  }
  SECTION("and then the final one") {
    reader.receive(base::Chunk::copy_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    REQUIRE(reader.next() == Next::kHead);
    CHECK(reader.response().status == 200);
    REQUIRE(reader.next() == Next::kContent);
    CHECK(reader.next() == Next::kEnd);
  }
  SECTION("one too many") {
    reader.receive(base::Chunk::copy_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    CHECK(reader.next() == Next::kInvalid);
    CHECK(reader.problem().kind == Problem::Kind::kRules);
    CHECK(reader.next() == Next::kInvalid);
  }
}

}  // namespace sluice::http::test
