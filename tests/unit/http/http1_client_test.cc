// An origin of HTTP/1.1 seen as streams: what is written, and what its bytes mean, however they are cut.
#include "proxy/http/http1_client.h"

#include <catch2/catch.hpp>
#include <string>
#include <type_traits>

#include "proxy/http/limits.h"

namespace sluice::http {

namespace {

Request request_of(std::string method, BodyFraming body = {}) {
  Request request;
  request.method = std::move(method);
  request.authority = {"example.com", std::nullopt, 443};
  request.path = "/path";
  request.fields = {{"accept", "*/*"}};
  request.body = body;
  return request;
}

// What it has told, in a line.
std::string told(Http1Client& client) {
  std::string text;
  for (const SessionEvent& event : client.take_events()) {
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, ResponseReceived>) {
            text += std::to_string(one.response.status) + (one.end ? "! " : " ");
          } else if constexpr (std::is_same_v<T, DataReceived>) {
            text += "[" + std::string(one.bytes.text()) + "] ";
          } else if constexpr (std::is_same_v<T, StreamEnded>) {
            text += "end ";
            for (const Field& field : one.trailers) text += field.name + "=" + field.value + " ";
          } else if constexpr (std::is_same_v<T, DataSent>) {
            text += "sent " + std::to_string(one.bytes) + " ";
          } else if constexpr (std::is_same_v<T, StreamClosed>) {
            text += "closed ";
          } else if constexpr (std::is_same_v<T, StreamReset>) {
            text += std::string(one.by_peer ? "reset " : "refused ");
          }
        },
        event);
  }
  return text;
}

std::string said(Http1Client& client) {
  std::string text;
  for (base::Chunk chunk = client.take_output(16384); !chunk.empty(); chunk = client.take_output(16384)) {
    text += chunk.text();
  }
  return text;
}

void hear(Http1Client& client, std::string_view bytes) {
  client.receive(base::as_bytes(bytes), base::Time{});
}

constexpr std::string_view get_head = "GET /path HTTP/1.1\r\nHost: example.com\r\naccept: */*\r\n\r\n";

}  // namespace

TEST_CASE("http1 client: exchanges one after the other on one connection") {
  Http1Client client(Scheme::kHttps);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.may_open_stream());
    const StreamId stream = client.send_request(request_of("GET"), true);
    CHECK(stream == 2 * i + 1);
    CHECK_FALSE(client.may_open_stream());
    CHECK(client.send_request(request_of("GET"), true) == 0);
    CHECK(said(client) == get_head);
    hear(client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(told(client) == "200 [abc] end closed ");
  }
  CHECK_FALSE(client.finished());
}

TEST_CASE("http1 client: however the response is cut") {
  const std::string response =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n";
  for (size_t split = 1; split < response.size(); ++split) {
    Http1Client client(Scheme::kHttps);
    (void)client.send_request(request_of("GET"), true);
    (void)said(client);
    hear(client, response.substr(0, split));
    hear(client, response.substr(split));
    std::string text = told(client);
    for (size_t seam = text.find("] ["); seam != std::string::npos; seam = text.find("] [")) text.erase(seam, 3);
    CHECK(text == "103 200 [abcde] end X-Sum=5 closed ");
    CHECK(client.may_open_stream());
  }
}

TEST_CASE("http1 client: what frames a request's body") {
  Http1Client client(Scheme::kHttps);
  SECTION("a length") {
    const StreamId stream = client.send_request(request_of("POST", {BodyKind::kLength, 5}), false);
    CHECK(said(client).ends_with("Content-Length: 5\r\n\r\n"));
    client.send_data(stream, base::Chunk::copy_of("12"));
    CHECK(said(client) == "12");
    CHECK(told(client) == "sent 2 ");
    client.send_data(stream, base::Chunk::copy_of("345"));
    client.send_end(stream, {});
    CHECK(said(client) == "345");
  }
  SECTION("chunks and trailers") {
    const StreamId stream = client.send_request(request_of("POST", {BodyKind::kChunked}), false);
    CHECK(said(client).ends_with("Transfer-Encoding: chunked\r\n\r\n"));
    client.send_data(stream, base::Chunk::copy_of("12"));
    client.send_end(stream, {{"x-sum", "3"}});
    CHECK(said(client) == "2\r\n12\r\n0\r\nx-sum: 3\r\n\r\n");
  }
  SECTION("more than it said never leaves") {
    const StreamId stream = client.send_request(request_of("POST", {BodyKind::kLength, 5}), false);
    (void)said(client);
    client.send_data(stream, base::Chunk::copy_of("123456"));
    CHECK(said(client).empty());
    CHECK(told(client) == "refused ");
    CHECK(client.finished());
  }
  SECTION("less than it said ends the connection") {
    const StreamId stream = client.send_request(request_of("POST", {BodyKind::kLength, 5}), false);
    client.send_data(stream, base::Chunk::copy_of("1"));
    client.send_end(stream, {});
    CHECK(told(client) == "refused ");
    CHECK(client.finished());
  }
}

TEST_CASE("http1 client: when a response has no body, and when it closes the connection") {
  struct Row {
    const char* method;
    const char* response;
    const char* told;
    bool finished;
  };
  const Row rows[] = {
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "200! closed ", false},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "204! closed ", false},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200! closed ", false},
      {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "200 [x] end closed ", true},
      {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "200 [x] end closed ", true},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n", "200 [x] end closed ", true},
      {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "refused ", true},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "refused ", true},
      {"GET", "nonsense\r\n\r\n", "refused ", true},
  };
  for (const Row& row : rows) {
    INFO(row.method << " " << row.response);
    Http1Client client(Scheme::kHttps);
    (void)client.send_request(request_of(row.method), true);
    (void)said(client);
    hear(client, row.response);
    CHECK(told(client) == row.told);
    CHECK(client.finished() == row.finished);
  }
}

TEST_CASE("http1 client: the end of the connection") {
  Http1Client client(Scheme::kHttps);
  (void)client.send_request(request_of("GET"), true);
  (void)said(client);
  SECTION("is the end of a body without another") {
    hear(client, "HTTP/1.1 200 OK\r\n\r\nall of it");
    client.receive_end(false);
    CHECK(told(client) == "200 [all of it] end closed ");
  }
  SECTION("without TLS's goodbye is not") {
    hear(client, "HTTP/1.1 200 OK\r\n\r\nall of it");
    client.receive_end(true);
    CHECK(told(client) == "200 [all of it] ");
  }
  SECTION("cuts a body that has a length") {
    hear(client, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
    client.receive_end(false);
    CHECK(told(client) == "200 [half] ");
  }
  CHECK(client.finished());
  CHECK_FALSE(client.may_open_stream());
}

TEST_CASE("http1 client: a response that ends before its request takes the connection with it") {
  Http1Client client(Scheme::kHttps);
  const StreamId stream = client.send_request(request_of("POST", {BodyKind::kChunked}), false);
  (void)said(client);
  hear(client, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  CHECK(told(client) == "413! reset ");
  CHECK(client.finished());
  client.send_data(stream, base::Chunk::copy_of("late"));
  CHECK(said(client).empty());
}

TEST_CASE("http1 client: an exchange that is given up takes the connection with it") {
  Http1Client client(Scheme::kHttps);
  const StreamId stream = client.send_request(request_of("GET"), true);
  client.reset(stream, Http2Code::kCancel);
  CHECK(client.finished());
  CHECK(said(client).empty());
  CHECK(told(client).empty());
}

TEST_CASE("http1 client: bytes that nobody asked for end the connection") {
  Http1Client client(Scheme::kHttps);
  hear(client, "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(client.finished());
  CHECK(told(client).empty());
}

TEST_CASE("http1 client: reading stops until what came has left") {
  Http1Client client(Scheme::kHttps);
  const StreamId stream = client.send_request(request_of("GET"), true);
  (void)said(client);
  const std::string body(unread_bytes_max, 'x');
  hear(client, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  CHECK_FALSE(client.full());
  hear(client, body);
  CHECK(client.full());
  client.consumed(stream, 1);
  CHECK_FALSE(client.full());
}

TEST_CASE("http1 client: interim responses are bounded") {
  Http1Client client(Scheme::kHttps);
  (void)client.send_request(request_of("GET"), true);
  (void)said(client);
  for (size_t i = 0; i <= interim_responses_max; ++i) hear(client, "HTTP/1.1 102 Processing\r\n\r\n");
  CHECK(told(client).ends_with("refused "));
  CHECK(client.finished());
}

TEST_CASE("http1 client: a WebSocket is opaque both ways, until both sides have ended") {
  Http1Client client(Scheme::kHttps);
  Request request = request_of("GET");
  request.websocket = true;
  const StreamId stream = client.send_request(request, false);
  CHECK(said(client).ends_with("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
  client.send_data(stream, base::Chunk::copy_of("early"));
  CHECK(said(client).empty());
  hear(client, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
  CHECK(told(client) == "101 [hello] ");
  CHECK(said(client) == "early");
  hear(client, "0\r\n\r\n");
  CHECK(told(client) == "sent 5 [0\r\n\r\n] ");
  SECTION("the client ends first") {
    client.send_end(stream, {});
    CHECK(said(client).empty());
    CHECK(client.take_end());
    CHECK_FALSE(client.take_end());
    hear(client, "more");
    client.receive_end(false);
    CHECK(told(client) == "[more] end closed ");
  }
  SECTION("the origin ends first") {
    client.receive_end(false);
    CHECK(told(client) == "end ");
    CHECK_FALSE(client.finished());
    client.send_data(stream, base::Chunk::copy_of("last"));
    client.send_end(stream, {});
    CHECK(said(client) == "last");
    CHECK(client.take_end());
    CHECK(told(client) == "sent 4 closed ");
  }
  CHECK(client.finished());
}

TEST_CASE("http1 client: a WebSocket that is declined leaves the connection for the next request") {
  Http1Client client(Scheme::kHttps);
  Request request = request_of("GET");
  request.websocket = true;
  (void)client.send_request(request, false);
  (void)said(client);
  hear(client, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  CHECK(told(client) == "403 [no] end reset ");
  CHECK(client.may_open_stream());
}

}  // namespace sluice::http
