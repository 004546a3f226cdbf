#include "proxy/wire/http1_body.h"

#include <catch2/catch.hpp>

#include "proxy/wire/limits.h"
#include "tests/unit/wire/body_summary.h"

namespace sluice::wire {

namespace {

using test::body_summary;

std::string outcome(BodyFraming framing, const std::string& text, bool ended = false) {
  const std::string whole = body_summary(framing, text, {}, ended);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("split at " << cut);
    CHECK(body_summary(framing, text, {cut}, ended) == whole);
  }
  std::vector<size_t> all;
  for (size_t i = 1; i < text.size(); ++i) all.push_back(i);
  CHECK(body_summary(framing, text, all, ended) == whole);
  return whole;
}

constexpr BodyFraming chunked{BodyKind::kChunked};

std::string invalid(BodyError error) {
  return std::string("invalid: ") + describe(error);
}

}  // namespace

TEST_CASE("http1 body: none, a length, until close") {
  CHECK(outcome({}, "next") == "end, 4 left: ");
  CHECK(outcome({BodyKind::kLength, 0}, "next") == "end, 4 left: ");
  CHECK(outcome({BodyKind::kLength, 5}, "hellonext") == "end, 4 left: hello");
  CHECK(outcome({BodyKind::kLength, 5}, "hell") == "need more: hell");
  CHECK(outcome({BodyKind::kLength, 5}, "hell", true) == invalid(BodyError::kCutShort) + ": hell");
  CHECK(outcome({BodyKind::kUntilClose}, "hello") == "need more: hello");
  CHECK(outcome({BodyKind::kUntilClose}, "hello", true) == "end, 0 left: hello");
}

TEST_CASE("http1 body: chunks") {
  CHECK(outcome(chunked, "5\r\nhello\r\n0\r\n\r\nnext") == "end, 4 left: hello");
  CHECK(outcome(chunked, "005\r\nhello\r\n1;a=b\r\n!\r\n00\r\n\r\n") == "end, 0 left: hello!");
  CHECK(outcome(chunked, "A\r\n0123456789\r\na  \r\n0123456789\r\n0\r\n\r\n") == "end, 0 left: 01234567890123456789");
  CHECK(outcome(chunked, "1\r\nx\r\n0\r\nA: b\r\nC:  d \r\n\r\n!") == "end, 1 left: x|A=b|C=d");
  CHECK(outcome(chunked, "5\r\nhello\r\n0\r\n") == "need more: hello");
  CHECK(outcome(chunked, "5\r\nhello\r\n0\r\n", true) == invalid(BodyError::kCutShort) + ": hello");
}

TEST_CASE("http1 body: what is no chunk is refused") {
  struct Bad {
    std::string text;
    BodyError error;
  };
  const std::vector<Bad> cases = {
      {"\r\n", BodyError::kBadChunkSize},
      {"x\r\n", BodyError::kBadChunkSize},
      {"-1\r\n", BodyError::kBadChunkSize},
      {"+1\r\n", BodyError::kBadChunkSize},
      {"0x1\r\n", BodyError::kBadChunkSize},
      {" 1\r\n", BodyError::kBadChunkSize},
      {"1 1\r\n", BodyError::kBadChunkSize},
      {"1_0\r\n", BodyError::kBadChunkSize},
      {"1\r;\r\n", BodyError::kBadChunkSize},
      {std::string("1;\0\r\n", 5), BodyError::kBadChunkSize},
      {"1;a\rb\r\n", BodyError::kBadChunkSize},
      {"0000000000000001\r\n", BodyError::kBadChunkSize},
      {"ffffffffffffffff\r\n", BodyError::kBadChunkSize},
      {"1\nx", BodyError::kBareLineFeed},
      {"1;a\n", BodyError::kBareLineFeed},
      {"1\r\nxy\r\n", BodyError::kBadChunkEnd},
      {"1\r\nx\n", BodyError::kBadChunkEnd},
      {"1\r\nx\r\r\n", BodyError::kBadChunkEnd},
      {"0\r\nA\r\n\r\n", BodyError::kBadTrailer},
      {"0\r\n A: b\r\n\r\n", BodyError::kBadTrailer},
      {"0\r\nA : b\r\n\r\n", BodyError::kBadTrailer},
      {"0\r\nA: b\n\r\n", BodyError::kBareLineFeed},
  };
  for (const Bad& bad : cases) {
    INFO(bad.text);
    const std::string got = outcome(chunked, bad.text);
    CHECK(got.substr(0, got.rfind(": ")) == invalid(bad.error));
  }
}

TEST_CASE("http1 body: lines between chunks are bounded") {
  const std::string full(chunk_line_bytes_max - 4, 'a');
  CHECK(body_summary(chunked, "1;" + full + "\r\nx\r\n0\r\n\r\n", {}) == "end, 0 left: x");
  CHECK(body_summary(chunked, "1;a" + full + "\r\nx\r\n0\r\n\r\n", {}).starts_with(invalid(BodyError::kLineTooLong)));
  CHECK(body_summary(chunked, "1;" + std::string(chunk_line_bytes_max, 'a'), {})
            .starts_with(invalid(BodyError::kLineTooLong)));
  std::string many = "0\r\n";
  for (size_t i = 0; i <= head_fields_max; ++i) many += "a:b\r\n";
  CHECK(body_summary(chunked, many + "\r\n", {}).starts_with(invalid(BodyError::kBadTrailer)));
}

TEST_CASE("http1 body: what is written is read again") {
  const Fields trailers{{"Checksum", "a\r\nb"}};
  const std::string text = chunk_head(0x1a) + std::string(0x1a, 'x') + std::string(chunk_end) + last_chunk(trailers);
  CHECK(text.starts_with("1a\r\n"));
  CHECK(body_summary(chunked, text, {}) == "end, 0 left: " + std::string(0x1a, 'x') + "|Checksum=a  b");
  CHECK(last_chunk({}) == "0\r\n\r\n");
}

}  // namespace sluice::wire
