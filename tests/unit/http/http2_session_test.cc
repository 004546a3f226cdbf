// Two sessions talk: messages arrive as they were sent, whatever the pieces; windows hold and open; ends and resets are
// heard once.
#include <catch2/catch.hpp>

#include "proxy/http/limits.h"
#include "tests/unit/http/http2_pair.h"

namespace sluice::http::test {

TEST_CASE("a request and its response, at every split") {
  for (const size_t piece : {1, 2, 3, 5, 7, 9, 10, 64, 1 << 20}) {
    CAPTURE(piece);
    Http2Pair pair(piece);
    Request request = post("/upload?x=1", {BodyKind::kLength, 11});
    request.fields = {{"Accept", "*/*"}, {"X-Odd", "caf\xc3\xa9"}, {"cookie", "a=1; b=2"}};
    const StreamId stream = pair.request(request, false);
    say(*pair.client, stream, "hello ");
    say(*pair.client, stream, "world");
    pair.client->send_end(stream);
    pair.run();
    const auto* received = first<RequestReceived>(pair.at_server);
    REQUIRE(received != nullptr);
    CHECK(received->request.method == "POST");
    CHECK(received->request.authority.to_string() == "a.example:443");
    CHECK(received->request.path == "/upload?x=1");
    CHECK(received->request.body == BodyFraming{BodyKind::kLength, 11});
    CHECK(received->request.fields == Fields{{"accept", "*/*"}, {"x-odd", "caf\xc3\xa9"}, {"cookie", "a=1; b=2"}});
    CHECK_FALSE(received->end);
    CHECK(content(pair.at_server, stream) == "hello world");
    CHECK(count<StreamEnded>(pair.at_server) == 1);

    Response response = answer(200);
    response.fields = {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}};
    pair.server->send_response(stream, answer(103), false);
    pair.server->send_response(stream, response, false);
    say(*pair.server, stream, "fine");
    pair.server->send_end(stream, {{"X-Sum", "42"}});
    pair.run();
    REQUIRE(count<ResponseReceived>(pair.at_client) == 2);
    CHECK(first<ResponseReceived>(pair.at_client)->response.status == 103);
    CHECK(content(pair.at_client, stream) == "fine");
    REQUIRE(count<StreamEnded>(pair.at_client) == 1);
    CHECK(first<StreamEnded>(pair.at_client)->trailers == Fields{{"x-sum", "42"}});
    CHECK(count<StreamClosed>(pair.at_client) == 1);
    CHECK(count<StreamClosed>(pair.at_server) == 1);
    CHECK(pair.client->idle());
    CHECK(pair.server->idle());
    CHECK(first<DataSent>(pair.at_client)->bytes == 11);
  }
}

TEST_CASE("bodies: without content, with a length, with an open end") {
  Http2Pair pair;
  const StreamId plain = pair.request(get(), true);
  pair.server->send_response(plain, answer(204, {}), true);
  const StreamId head = pair.client->send_request(
      [] {
        Request request = get();
        request.method = "HEAD";
        return request;
      }(),
      true);
  pair.run();
  Response announced = answer(200, {});
  announced.fields = {{"Content-Length", "1234"}};
  pair.server->send_response(head, announced, true);
  const StreamId empty = pair.request(get("/empty"), true);
  pair.server->send_response(empty, answer(200, {BodyKind::kLength, 0}), true);
  const StreamId open = pair.request(get("/open"), true);
  pair.server->send_response(open, answer(200), true);
  pair.run();
  std::vector<Response> responses;
  for (const SessionEvent& event : pair.at_client) {
    const auto* received = std::get_if<ResponseReceived>(&event);
    if (received == nullptr) continue;
    CHECK(received->end);
    responses.push_back(received->response);
  }
  REQUIRE(responses.size() == 4);
  CHECK(responses[0].body == BodyFraming{});
  CHECK(responses[1].body == BodyFraming{});
  CHECK(responses[1].fields == Fields{{"content-length", "1234"}});
  CHECK(responses[2].body == BodyFraming{BodyKind::kLength, 0});
  CHECK(responses[3].body == BodyFraming{BodyKind::kLength, 0});  // whole already: so its length is known
  CHECK(first<RequestReceived>(pair.at_server)->request.body == BodyFraming{});
  CHECK(first<RequestReceived>(pair.at_server)->end);
}

TEST_CASE("content is not credited before it has left: windows hold the peer, consumed() lets it go on") {
  Http2Pair pair;
  const StreamId stream = pair.request(post(), false);
  const size_t total = 10 * static_cast<size_t>(stream_window_bytes);
  pair.client->send_data(stream, base::Chunk::copy_of(std::string(total, 'x')));
  pair.run();
  CHECK(content(pair.at_server, stream).size() == static_cast<size_t>(stream_window_bytes));
  CHECK(pair.client->unsent(stream) == total - static_cast<size_t>(stream_window_bytes));
  size_t got = 0;
  for (int round = 0; round < 1'000 && got < total; ++round) {
    pair.now += base::Duration(50);
    const size_t came = content(pair.at_server, stream).size();
    pair.at_server.clear();
    got += came;
    pair.server->consumed(stream, came);
    pair.run();
  }
  CHECK(got == total);
  CHECK(pair.client->unsent(stream) == 0);
}

TEST_CASE("one stalled stream does not hold the others") {
  Http2Pair pair;
  const StreamId stalled = pair.request(post("/stalled"), false);
  const StreamId other = pair.request(post("/other"), false);
  pair.client->send_data(stalled, base::Chunk::copy_of(std::string(8'000'000, 's')));
  pair.run();
  const size_t total = 3'000'000;
  pair.client->send_data(other, base::Chunk::copy_of(std::string(total, 'o')));
  size_t got = 0;
  for (int round = 0; round < 1'000 && got < total; ++round) {
    pair.run();
    const size_t came = content(pair.at_server, other).size();
    pair.at_server.clear();
    got += came;
    pair.server->consumed(other, came);
  }
  CHECK(got == total);
}

TEST_CASE("streams share a connection evenly; what is urgent goes first") {
  Http2Pair pair;
  const StreamId a = pair.request(get("/a"), true);
  const StreamId b = pair.request(get("/b"), true);
  Request now = get("/now");
  now.fields = {{"priority", "u=0"}};
  const StreamId urgent = pair.request(now, true);
  for (const StreamId stream : {a, b, urgent}) {
    pair.server->send_response(stream, answer(200), false);
    pair.server->send_data(stream, base::Chunk::copy_of(std::string(100'000, 'x')));
    pair.server->send_end(stream);
  }
  const base::Chunk some = pair.server->take_output(200'000);
  SessionEvents events = pair.server->take_events();
  size_t sent_a = 0, sent_b = 0, sent_urgent = 0;
  for (const SessionEvent& event : events) {
    const auto* sent = std::get_if<DataSent>(&event);
    if (sent == nullptr) continue;
    (sent->stream == a ? sent_a : sent->stream == b ? sent_b : sent_urgent) += sent->bytes;
  }
  CHECK(sent_urgent == 100'000);
  CHECK(sent_a > 40'000);
  CHECK(sent_b > 40'000);
  CHECK(some.size() < 200'000 + 17'000);
}

TEST_CASE("take_output() gives about as much as is asked for") {
  Http2Pair pair;
  const StreamId stream = pair.request(post(), false);
  pair.client->send_data(stream, base::Chunk::copy_of(std::string(100'000, 'x')));
  size_t total = 0;
  while (pair.client->has_output()) {
    const base::Chunk some = pair.client->take_output(1'000);
    REQUIRE(some.size() <= 1'000 + 16'384);
    total += some.size();
    pair.server->receive(some.view(), pair.now);
  }
  CHECK(total > 100'000);
  append(pair.at_server, pair.server->take_events());
  CHECK(content(pair.at_server, stream).size() == 100'000);
}

TEST_CASE("resets: heard once by the other side, not by the one who did it") {
  Http2Pair pair;
  const StreamId first_stream = pair.request(post(), false);
  say(*pair.client, first_stream, "begun");
  pair.client->reset(first_stream, Http2Code::kCancel);
  pair.run();
  REQUIRE(count<StreamReset>(pair.at_server) == 1);
  CHECK(first<StreamReset>(pair.at_server)->code == Http2Code::kCancel);
  CHECK(first<StreamReset>(pair.at_server)->by_peer);
  CHECK(count<StreamReset>(pair.at_client) == 0);
  CHECK(count<StreamClosed>(pair.at_client) == 0);

  const StreamId second_stream = pair.request(post(), false);
  pair.server->reset(second_stream, Http2Code::kRefusedStream);
  pair.run();
  REQUIRE(count<StreamReset>(pair.at_client) == 1);
  CHECK(first<StreamReset>(pair.at_client)->unprocessed);
  CHECK(pair.client->idle());
  CHECK(pair.server->idle());
}

TEST_CASE("heads that were sent go before a reset, content that waits does not") {
  Http2Pair pair;
  const StreamId headed = pair.request(get("/headed"), true);
  pair.server->send_response(headed, answer(103), false);
  pair.server->send_response(headed, answer(200), false);
  say(*pair.server, headed, "begun");
  pair.server->reset(headed, Http2Code::kInternalError);
  pair.run();
  REQUIRE(count<ResponseReceived>(pair.at_client) == 2);
  CHECK(content(pair.at_client, headed).empty());
  CHECK(count<StreamEnded>(pair.at_client) == 0);
  REQUIRE(count<StreamReset>(pair.at_client) == 1);
  CHECK(first<StreamReset>(pair.at_client)->code == Http2Code::kInternalError);
  CHECK(count<StreamReset>(pair.at_server) == 0);
  pair.at_client.clear();

  const StreamId ended = pair.request(post("/ended"), false);  // what was whole stays whole
  pair.server->send_response(ended, answer(413, {}), true);
  pair.server->reset(ended, Http2Code::kCancel);
  pair.run();
  REQUIRE(count<ResponseReceived>(pair.at_client) == 1);
  CHECK(first<ResponseReceived>(pair.at_client)->end);
  CHECK(first<StreamReset>(pair.at_client)->code == Http2Code::kCancel);
  pair.at_client.clear();

  const StreamId cut = pair.request(get("/cut"), true);  // an end that was asked for does not make the content whole
  pair.server->send_response(cut, answer(200), false);
  say(*pair.server, cut, "begun");
  pair.server->send_end(cut, {{"x-sum", "1"}});
  pair.server->reset(cut, Http2Code::kCancel);
  pair.run();
  CHECK(count<ResponseReceived>(pair.at_client) == 1);
  CHECK(count<StreamEnded>(pair.at_client) == 0);
  CHECK(count<StreamReset>(pair.at_client) == 1);

  const StreamId crossing = pair.request(get("/crossing"), true);  // the peer's own reset comes first
  pair.server->send_response(crossing, answer(200), false);
  pair.server->reset(crossing, Http2Code::kCancel);
  pair.client->reset(crossing, Http2Code::kCancel);
  pair.run();
  CHECK(pair.server->idle());
  CHECK(pair.client->idle());
}

TEST_CASE("a reset behind a frame of content that was begun and waits for room") {
  Http2Pair pair;
  const StreamId stream = pair.request(get(), true);
  pair.server->send_response(stream, answer(200), false);
  pair.server->send_data(stream, base::Chunk::copy_of(std::string(100'000, 'x')));
  for (int some = 0; some < 3; ++some) pair.client->receive(pair.server->take_output(1).view(), pair.now);
  pair.server->reset(stream, Http2Code::kCancel);
  pair.run();
  CHECK(content(pair.at_client, stream).size() < 100'000);
  CHECK(count<StreamReset>(pair.at_client) == 1);
  CHECK(pair.server->idle());
}

TEST_CASE("a head larger than a frame goes before a reset") {
  Http2Pair pair;
  const StreamId stream = pair.request(get(), true);
  Response large = answer(200);
  for (char name = 'a'; name < 'e'; ++name) large.fields.push_back({std::string("x-") + name, std::string(9'000, '~')});
  pair.server->send_response(stream, large, false);
  pair.server->reset(stream, Http2Code::kCancel);
  for (base::Chunk some = pair.server->take_output(1); !some.empty(); some = pair.server->take_output(1)) {
    pair.client->receive(some.view(), pair.now);
  }
  pair.run();
  REQUIRE(count<ResponseReceived>(pair.at_client) == 1);
  CHECK(first<ResponseReceived>(pair.at_client)->response.fields == large.fields);
  CHECK(count<StreamReset>(pair.at_client) == 1);
  CHECK(pair.server->idle());
}

TEST_CASE("a response before the end of its request: the rest is not wanted, and nothing is lost") {
  Http2Pair pair;
  const StreamId stream = pair.request(post(), false);
  pair.server->send_response(stream, answer(413), false);
  pair.server->discard(stream);
  say(*pair.server, stream, std::string(300'000, 'p'));
  pair.server->send_end(stream);
  pair.client->send_data(stream, base::Chunk::copy_of(std::string(5'000'000, 'x')));
  size_t got = 0;
  for (int round = 0; round < 100; ++round) {
    pair.run();
    const size_t came = content(pair.at_client, stream).size();
    got += came;
    pair.client->consumed(stream, came);
    std::erase_if(pair.at_client,
                  [](const SessionEvent& event) { return std::holds_alternative<DataReceived>(event); });
  }
  CHECK(got == 300'000);
  CHECK(count<DataReceived>(pair.at_server) == 0);
  CHECK(count<StreamClosed>(pair.at_server) == 1);
  CHECK(count<StreamEnded>(pair.at_client) == 1);
  REQUIRE(count<StreamReset>(pair.at_client) == 1);  // "no more of the request", after the response was whole
  CHECK(first<StreamReset>(pair.at_client)->code == Http2Code::kNoError);
  CHECK(pair.server->idle());
  CHECK(pair.client->idle());
}

TEST_CASE("a WebSocket is the same message in both versions") {
  Http2Pair pair;
  CHECK(pair.client->takes_websockets());
  Request request = get("/chat");
  request.websocket = true;
  request.fields = {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, {"Sec-WebSocket-Version", "13"}};
  const StreamId stream = pair.request(request, false);
  const auto* received = first<RequestReceived>(pair.at_server);
  REQUIRE(received != nullptr);
  CHECK(received->request.websocket);
  CHECK(received->request.method == "GET");
  CHECK(received->request.body == BodyFraming{});
  CHECK(received->request.fields == Fields{{"sec-websocket-version", "13"}});
  Response accepted = answer(101, {});
  accepted.fields = {{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, {"Sec-WebSocket-Protocol", "chat"}};
  pair.server->send_response(stream, accepted, false);
  pair.run();
  const auto* response = first<ResponseReceived>(pair.at_client);
  REQUIRE(response != nullptr);
  CHECK(response->response.status == 101);
  CHECK(response->response.fields == Fields{{"sec-websocket-protocol", "chat"}});
  say(*pair.client, stream, "ping");
  say(*pair.server, stream, "pong");
  pair.client->send_end(stream);
  pair.server->send_end(stream);
  pair.run();
  CHECK(content(pair.at_server, stream) == "ping");
  CHECK(content(pair.at_client, stream) == "pong");
  CHECK(count<StreamClosed>(pair.at_client) == 1);
}

TEST_CASE("gRPC: TE passes as `trailers`, and an answer may be only trailers") {
  Http2Pair pair;
  Request request = post("/pkg.Service/Call");
  request.accepts_trailers = true;
  const StreamId stream = pair.request(request, false);
  CHECK(first<RequestReceived>(pair.at_server)->request.accepts_trailers);
  CHECK(wire::find_field(first<RequestReceived>(pair.at_server)->request.fields, "te") == nullptr);
  Response failed = answer(200, {});
  failed.fields = {{"content-type", "application/grpc"}, {"grpc-status", "12"}};
  pair.server->send_response(stream, failed, true);
  pair.server->discard(stream);
  pair.run();
  CHECK(first<ResponseReceived>(pair.at_client)->end);
  const StreamId other = pair.request(request, false);
  pair.server->send_response(other, answer(200), false);
  pair.server->send_end(other, {{"grpc-status", "0"}});
  pair.run();
  CHECK(first<StreamEnded>(pair.at_client)->trailers == Fields{{"grpc-status", "0"}});
}

TEST_CASE("graceful end in two steps: streams that are open go on, new ones may be sent elsewhere") {
  Http2Pair pair;
  const StreamId open = pair.request(post(), false);
  pair.server->announce_drain();
  const StreamId crossing = pair.client->send_request(get("/crossing"), true);  // before the client has heard
  pair.run();
  CHECK(count<GoAwayReceived>(pair.at_client) == 1);
  CHECK(count<RequestReceived>(pair.at_server) == 2);
  CHECK_FALSE(pair.client->may_open_stream());
  CHECK(pair.client->send_request(get(), true) == 0);
  pair.server->drain();
  pair.run();
  for (const StreamId stream : {open, crossing}) {
    pair.server->send_response(stream, answer(200, {}), true);
    pair.server->discard(stream);
  }
  pair.client->send_end(open);
  pair.run();
  CHECK(count<ResponseReceived>(pair.at_client) == 2);
  CHECK(pair.server->finished());
}

TEST_CASE("what the peer never looked at may be sent again") {
  Http2Pair pair;
  pair.server->drain();
  const base::Chunk goaway = pair.server->take_output(1 << 16);
  const StreamId late = pair.client->send_request(get("/late"), true);
  const base::Chunk request = pair.client->take_output(1 << 16);
  pair.server->receive(request.view(), pair.now);
  pair.client->receive(goaway.view(), pair.now);
  pair.run();
  CHECK(count<RequestReceived>(pair.at_server) == 0);
  REQUIRE(count<StreamReset>(pair.at_client) == 1);
  CHECK(first<StreamReset>(pair.at_client)->stream == late);
  CHECK(first<StreamReset>(pair.at_client)->unprocessed);

  Http2Pair other;  // not even sent
  other.server->drain();
  const StreamId unsent = other.client->send_request(get("/unsent"), true);
  other.client->receive(other.server->take_output(1 << 16).view(), other.now);
  other.run();
  REQUIRE(count<StreamReset>(other.at_client) == 1);
  CHECK(first<StreamReset>(other.at_client)->stream == unsent);
  CHECK(first<StreamReset>(other.at_client)->unprocessed);
  CHECK(other.client->idle());
}

TEST_CASE("the peer's limit of streams is kept") {
  Http2Pair pair(1 << 20, 3);
  for (int i = 0; i < 3; ++i) CHECK(pair.request(get(), true) > 0);
  CHECK_FALSE(pair.client->may_open_stream());
  CHECK(pair.client->send_request(get(), true) == 0);
  pair.server->send_response(1, answer(200, {}), true);
  pair.run();
  CHECK(pair.client->may_open_stream());
}

TEST_CASE("a request that was reset before it left is never heard of") {
  Http2Pair pair;
  const StreamId stream = pair.client->send_request(post(), false);
  say(*pair.client, stream, "x");
  pair.client->reset(stream, Http2Code::kCancel);
  pair.run();
  CHECK(pair.at_server.empty());
  CHECK(pair.client->idle());
}

TEST_CASE("terminate: the other side hears the code, and both are finished") {
  Http2Pair pair;
  (void)pair.request(post(), false);
  pair.server->terminate(Http2Code::kEnhanceYourCalm);
  pair.run();
  const auto* failed = first<ConnectionFailed>(pair.at_client);
  REQUIRE(failed != nullptr);
  CHECK(failed->by_peer);
  CHECK(failed->code == Http2Code::kEnhanceYourCalm);
  CHECK(pair.server->finished());
  CHECK(pair.client->finished());
}

TEST_CASE("the window grows while it is what holds the sender back") {
  Http2Pair pair;
  const StreamId stream = pair.request(post(), false);
  say(*pair.client, stream, "x");
  pair.now += base::Duration(40);
  pair.run();  // the round trip is measured when content first comes
  pair.client->send_data(stream, base::Chunk::copy_of(std::string(40'000'000, 'x')));
  size_t most = 0;
  for (int round = 0; round < 60; ++round) {
    pair.run();
    const size_t came = content(pair.at_server, stream).size();
    most = std::max(most, came);
    pair.at_server.clear();
    pair.server->consumed(stream, came);
    pair.now += base::Duration(1);
  }
  CHECK(most > 8 * static_cast<size_t>(stream_window_bytes));
}

}  // namespace sluice::http::test
