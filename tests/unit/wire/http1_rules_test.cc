#include "proxy/wire/http1_rules.h"

#include <catch2/catch.hpp>

#include "tests/unit/wire/http1_summary.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire {

namespace {

// The verdict on a request head, as text.
std::string request(const std::string& text) {
  RequestHeadParser parser;
  const auto head = parser.feed(base::as_bytes(text));
  REQUIRE(head.is_complete());
  const auto target = classify_target(head.value());
  REQUIRE(target);
  const auto rules = check_request(head.value(), *target, 80);
  if (!rules) return describe(rules.error());
  std::string out = rules->host ? rules->host->to_string() : "no host";
  switch (rules->body.kind) {
    case BodyKind::kNone: break;
    case BodyKind::kLength: out += " length " + std::to_string(rules->body.length); break;
    case BodyKind::kChunked: out += " chunked"; break;
    case BodyKind::kUntilClose: out += " until close"; break;
  }
  if (!rules->keep_alive) out += " close";
  if (rules->expects_continue) out += " continue";
  if (rules->websocket) out += " websocket";
  return out;
}

std::string get(const std::string& fields) {
  return request("POST / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n");
}

std::string response(const std::string& text, std::string_view method = "GET") {
  ResponseHeadParser parser;
  const auto head = parser.feed(base::as_bytes(text));
  REQUIRE(head.is_complete());
  const auto rules = check_response(head.value(), method);
  if (!rules) return describe(rules.error());
  std::string out;
  switch (rules->body.kind) {
    case BodyKind::kNone: out = "none"; break;
    case BodyKind::kLength: out = "length " + std::to_string(rules->body.length); break;
    case BodyKind::kChunked: out = "chunked"; break;
    case BodyKind::kUntilClose: out = "until close"; break;
  }
  return out + (rules->keep_alive ? "" : " close");
}

auto make_response_parser() {
  return [parser = ResponseHeadParser()](base::ByteView held) mutable { return parser.feed(held); };
}
std::string summarise(const Parse<ResponseHead, Http1Error>& parse) {
  if (parse.is_need_more()) return "need more";
  if (parse.is_invalid()) return describe(parse.reason());
  std::string out = std::to_string(parse.length()) + " " + std::to_string(parse.value().status) + " " +
                    parse.value().reason + " 1." + std::to_string(parse.value().minor_version);
  for (const Field& field : parse.value().fields) out += "|" + field.name + "=" + field.value;
  return out;
}
std::string head(const std::string& text) {
  CHECK(test::split_difference(base::as_bytes(text), make_response_parser, summarise) == std::nullopt);
  return test::replay(base::as_bytes(text), {}, make_response_parser, summarise);
}

}  // namespace

TEST_CASE("http1 responses: heads") {
  CHECK(head("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody") == "25 200 OK 1.1|A=b");
  CHECK(head("HTTP/1.0 404 \r\n\r\n") == "17 404  1.0");
  CHECK(head("HTTP/1.1 999\r\n\r\n") == "16 999  1.1");
  CHECK(head("HTTP/1.1 200 Not \xc3\xa4 problem\r\n\r\n") == "31 200 Not \xc3\xa4 problem 1.1");
  CHECK(head("HTTP/1.") == "need more");
  const std::string bad = describe(Http1Error::kBadStatusLine);
  for (const char* text : {"HTTP/2 200\r\n", "http/1.1 200 OK\r\n", "ICY 200 OK\r\n", "\r\n", "HTTP/1.1  200 OK\r\n",
                           "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n", "HTTP/1.1 2x0 OK\r\n",
                           "HTTP/1.1 200\tOK\r\n", "HTTP/1.1 200 O\rK\r\n", "HTTP/1.1\r\n"}) {
    INFO(text);
    CHECK(head(text) == bad);
  }
  CHECK(head("HTTP/1.2 200 OK\r\n") == describe(Http1Error::kBadVersion));
  CHECK(head("HTTP/1.1 200 OK\n") == describe(Http1Error::kBareLineFeed));
  CHECK(head("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n") == describe(Http1Error::kFolded));
}

TEST_CASE("http1 rules: framing of requests") {
  CHECK(get("") == "a.example:80");
  CHECK(get("Content-Length: 0\r\n") == "a.example:80 length 0");
  CHECK(get("content-length: 123\r\n") == "a.example:80 length 123");
  CHECK(get("Transfer-Encoding: Chunked\r\n") == "a.example:80 chunked");
  const std::string length = describe(MessageError::kBadContentLength);
  for (const char* value : {"", "+1", "-1", "1,1", "1, 1", "0x1", "1 1", "1.0", "01", "9223372036854775808", "\xb9"}) {
    INFO(value);
    CHECK(get(std::string("Content-Length: ") + value + "\r\n") == length);
  }
  CHECK(get("Content-Length: 1\r\nContent-Length: 1\r\n") == length);
  const std::string encoding = describe(MessageError::kBadTransferEncoding);
  for (const char* value :
       {"", "identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "xchunked", "chunked;q=1",
        "\x0b"
        "chunked",
        "chunked,"}) {
    INFO(value);
    if (std::string(value).find('\x0b') != std::string::npos) continue;  // the head parser refuses it
    CHECK(get(std::string("Transfer-Encoding: ") + value + "\r\n") == encoding);
  }
  CHECK(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == encoding);
  CHECK(get("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n") == describe(MessageError::kLengthAndEncoding));
  CHECK(get("Content-Length: x\r\nTransfer-Encoding: y\r\n") == describe(MessageError::kLengthAndEncoding));
  CHECK(request("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        describe(MessageError::kEncodingInOldVersion));
}

TEST_CASE("http1 rules: hosts") {
  CHECK(request("GET / HTTP/1.1\r\n\r\n") == describe(MessageError::kMissingHost));
  CHECK(request("GET / HTTP/1.0\r\n\r\n") == "no host close");
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == describe(MessageError::kManyHosts));
  CHECK(request("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == describe(MessageError::kManyHosts));
  for (const char* host : {"", "a/b", "u@a", "a b", "a,b", "127.1", "a:0", "a:b", "a:80:80"}) {
    INFO(host);
    CHECK(request(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n") == describe(MessageError::kBadHost));
  }
  CHECK(request("GET http://A.example/ HTTP/1.1\r\nHost: a.EXAMPLE:80\r\n\r\n") == "a.example:80");
  CHECK(request("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n") == describe(MessageError::kHostMismatch));
  CHECK(request("GET http://a.example/ HTTP/1.1\r\nHost: a.example:81\r\n\r\n") ==
        describe(MessageError::kHostMismatch));
  CHECK(request("GET http://a.example/ HTTP/1.1\r\n\r\n") == describe(MessageError::kMissingHost));
}

TEST_CASE("http1 rules: connection, expectation, upgrade") {
  CHECK(get("Connection: close\r\n") == "a.example:80 close");
  CHECK(get("Connection: keep-alive, Close\r\n") == "a.example:80 close");
  CHECK(get("Connection: keep-alive\r\n") == "a.example:80");
  for (const char* option : {"Host", "content-length", "keep-alive, Transfer-Encoding", "a b", "\"close\""}) {
    INFO(option);
    CHECK(get(std::string("Connection: ") + option + "\r\n") == describe(MessageError::kBadConnectionOption));
  }
  CHECK(get("Expect: 100-Continue\r\nContent-Length: 3\r\n") == "a.example:80 length 3 continue");
  CHECK(get("Expect: 200-ok\r\n") == describe(MessageError::kBadExpectation));
  const std::string upgrade = "Host: a\r\nConnection: Upgrade\r\nUpgrade: ";
  CHECK(request("GET / HTTP/1.1\r\n" + upgrade + "websocket\r\n\r\n") == "a:80 websocket");
  CHECK(request("GET / HTTP/1.1\r\n" + upgrade + "h2c\r\n\r\n") == "a:80");
  CHECK(request("POST / HTTP/1.1\r\n" + upgrade + "websocket\r\n\r\n") == "a:80");
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n") == "a:80");
}

TEST_CASE("http1 rules: framing of responses") {
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == "length 5");
  CHECK(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == "chunked");
  CHECK(response("HTTP/1.1 200 OK\r\n\r\n") == "until close close");
  CHECK(response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n") == "length 5 close");
  CHECK(response("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n") == "length 5 close");
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD") == "none");
  CHECK(response("HTTP/1.1 204 No\r\n\r\n") == "none");
  CHECK(response("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n") == "none");
  CHECK(response("HTTP/1.1 100 Continue\r\n\r\n") == "none");
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        describe(MessageError::kLengthAndEncoding));
  CHECK(response("HTTP/1.1 304 No\r\nContent-Length: 5, 5\r\n\r\n") == describe(MessageError::kBadContentLength));
  CHECK(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        describe(MessageError::kEncodingInOldVersion));
}

}  // namespace sluice::wire
