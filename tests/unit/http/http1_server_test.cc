// A client of HTTP/1.1 seen as streams: what its bytes mean, however they are cut, and what is written for it.
#include "proxy/http/http1_server.h"

#include <catch2/catch.hpp>
#include <string>
#include <type_traits>

#include "proxy/http/limits.h"

namespace sluice::http {

namespace {

std::string told(Http1Server& server) {
  std::string text;
  for (const SessionEvent& event : server.take_events()) {
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, RequestReceived>) {
            text += one.request.method + one.request.path + (one.end ? "! " : " ");
          } else if constexpr (std::is_same_v<T, RequestRefused>) {
            text += "malformed ";
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
            text += "refused ";
          }
        },
        event);
  }
  return text;
}

std::string said(Http1Server& server) {
  std::string text;
  for (base::Chunk chunk = server.take_output(16384); !chunk.empty(); chunk = server.take_output(16384)) {
    text += chunk.text();
  }
  return text;
}

void hear(Http1Server& server, std::string_view bytes) {
  server.receive(base::as_bytes(bytes), base::Time{});
}

Response response_of(int status, BodyFraming body) {
  Response response;
  response.status = status;
  response.body = body;
  return response;
}

const std::string get = "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";
const std::string post = "POST /b HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("http1 server: requests sent ahead have their turn when the one before is answered") {
  Http1Server server(Scheme::kHttps);
  hear(server, get + get);
  CHECK(told(server) == "GET/a! ");
  server.send_response(1, response_of(200, {BodyKind::kLength, 2}), false);
  server.send_data(1, base::Chunk::copy_of("ok"));
  server.send_end(1, {});
  CHECK(said(server) == "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok");
  CHECK(told(server) == "sent 2 closed GET/a! ");
  server.send_response(3, response_of(204, {}), true);
  CHECK(said(server) == "HTTP/1.1 204 \r\n\r\n");
  CHECK(told(server) == "closed ");
  CHECK_FALSE(server.finished());
}

TEST_CASE("http1 server: however the request is cut") {
  const std::string request = post + "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n";
  for (size_t split = 1; split < request.size(); ++split) {
    Http1Server server(Scheme::kHttps);
    hear(server, request.substr(0, split));
    hear(server, request.substr(split));
    std::string text = told(server);
    for (size_t seam = text.find("] ["); seam != std::string::npos; seam = text.find("] [")) text.erase(seam, 3);
    CHECK(text == "POST/b [abcde] end X-Sum=5 ");
  }
}

TEST_CASE("http1 server: what is written depends on what the client understands") {
  struct Row {
    const char* request;
    const char* response;
    bool finished;
  };
  const Row rows[] = {
      {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
       "HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
       "HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
       "2\r\nok\r\n0\r\nx: 1\r\n\r\n",
       true},
      {"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 \r\nConnection: close\r\n\r\nok", true},
  };
  for (const Row& row : rows) {
    INFO(row.request);
    Http1Server server(Scheme::kHttps);
    hear(server, row.request);
    server.send_response(1, response_of(103, {}), false);
    server.send_response(1, response_of(200, {BodyKind::kChunked}), false);
    server.send_data(1, base::Chunk::copy_of("ok"));
    server.send_end(1, {{"x", "1"}});
    CHECK(said(server) == row.response);
    CHECK(server.finished() == row.finished);
    CHECK_FALSE(server.broken());
  }
}

TEST_CASE("http1 server: an answer to a request that is not whole says that it is the last") {
  Http1Server server(Scheme::kHttps);
  hear(server, post + "3\r\nabc\r\n");
  server.send_response(1, response_of(403, {BodyKind::kLength, 2}), false);
  server.send_data(1, base::Chunk::copy_of("no"));
  server.send_end(1, {});
  server.discard(1);
  CHECK(said(server) == "HTTP/1.1 403 \r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  CHECK(server.finished());
}

TEST_CASE("http1 server: what is no request can be answered, once") {
  Http1Server server(Scheme::kHttps);
  hear(server, "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n" + get);
  CHECK(told(server) == "malformed ");
  server.send_response(1, response_of(400, {BodyKind::kLength, 0}), true);
  server.discard(1);
  CHECK(said(server) == "HTTP/1.1 400 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(server.finished());
  CHECK(told(server) == "closed ");
}

TEST_CASE("http1 server: half an answer is never taken for a whole one") {
  Http1Server server(Scheme::kHttps);
  hear(server, get);
  server.send_response(1, response_of(200, {BodyKind::kLength, 10}), false);
  server.send_data(1, base::Chunk::copy_of("half"));
  CHECK(said(server).ends_with("half"));
  SECTION("when its origin is gone") {
    server.reset(1, Http2Code::kInternalError);
  }
  SECTION("when the connection is ended") {
    server.terminate(Http2Code::kNoError);
  }
  CHECK(server.broken());
  CHECK(server.finished());
  CHECK_FALSE(server.has_output());
}

TEST_CASE("http1 server: broken chunks end the connection") {
  Http1Server server(Scheme::kHttps);
  hear(server, post);
  SECTION("with an answer") {
    hear(server, "zz\r\n");
    CHECK(told(server) == "POST/b refused ");
    CHECK(said(server) == "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK_FALSE(server.broken());
  }
  SECTION("in the middle of one") {
    server.send_response(1, response_of(200, {BodyKind::kChunked}), false);
    hear(server, "zz\r\n");
    CHECK(said(server).empty());
    CHECK(server.broken());
  }
  CHECK(server.finished());
}

TEST_CASE("http1 server: the end of the client") {
  Http1Server server(Scheme::kHttps);
  SECTION("between requests") {
    CHECK_FALSE(server.receive_end());
  }
  SECTION("in the middle of one") {
    hear(server, post);
    CHECK_FALSE(server.receive_end());
  }
  SECTION("behind requests, which are still answered") {
    hear(server, get + get);
    CHECK(server.receive_end());
    for (const StreamId stream : {1, 3}) {
      server.send_response(stream, response_of(204, {}), true);
      CHECK(said(server).starts_with("HTTP/1.1 204 "));
      CHECK(server.finished() == (stream == 3));
    }
  }
}

TEST_CASE("http1 server: a drain lets the exchange end") {
  Http1Server server(Scheme::kHttps);
  hear(server, get + get);
  server.announce_drain();
  server.drain();
  CHECK_FALSE(server.finished());
  server.send_response(1, response_of(204, {}), true);
  CHECK(said(server) == "HTTP/1.1 204 \r\nConnection: close\r\n\r\n");
  CHECK(server.finished());
  CHECK(told(server) == "GET/a! closed ");
}

TEST_CASE("http1 server: reading stops until what came has left") {
  Http1Server server(Scheme::kHttps);
  hear(server, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\n");
  CHECK_FALSE(server.full());
  hear(server, std::string(unread_bytes_max, 'x'));
  CHECK(server.full());
  hear(server, "behind");
  CHECK(told(server).size() == std::string("POST/ ").size() + unread_bytes_max + 3);
  server.consumed(1, unread_bytes_max);
  CHECK_FALSE(server.full());
  CHECK(told(server) == "[behind] ");
}

TEST_CASE("http1 server: reading stops when too much is sent ahead") {
  Http1Server server(Scheme::kHttps);
  std::string ahead;
  while (ahead.size() < unread_bytes_max) ahead += get;
  hear(server, get);
  CHECK_FALSE(server.full());
  hear(server, ahead);
  CHECK(server.full());
}

TEST_CASE("http1 server: a WebSocket is opaque until it ends") {
  Http1Server server(Scheme::kHttps);
  hear(server, "GET /s HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  CHECK(told(server) == "GET/s ");
  server.send_response(1, response_of(101, {}), false);
  CHECK(said(server) == "HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(told(server) == "[early] ");
  server.send_data(1, base::Chunk::copy_of("0\r\n"));
  CHECK(said(server) == "0\r\n");
  hear(server, "more");
  CHECK(server.receive_end());
  CHECK(told(server) == "sent 3 [more] end ");
  server.send_end(1, {});
  CHECK(said(server).empty());
  CHECK(server.finished());
  CHECK(told(server) == "closed ");
}

}  // namespace sluice::http
