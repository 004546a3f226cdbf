#include "proxy/http/tunnel_session.h"

#include <catch2/catch.hpp>

#include "proxy/http/limits.h"
#include "tests/unit/http/session_pair.h"

namespace sluice::http::test {

TEST_CASE("a CONNECT with its first bytes, its answer, bytes both ways, and the end of each way") {
  Pair pair;
  TunnelStream* client =
      pair.client->connect("example.com:443", {{"sluice-process", "curl"}}, base::as_bytes(std::string_view("hello")));
  REQUIRE(client != nullptr);
  pair.run();
  TunnelStream* server = pair.server->take_request();
  REQUIRE(server != nullptr);
  CHECK(pair.server->take_request() == nullptr);
  CHECK(server->head().method == "CONNECT");
  CHECK(server->head().authority == "example.com:443");
  CHECK(server->head().fields == wire::Fields{{"sluice-process", "curl"}});
  CHECK(read_all(*server) == "hello");
  CHECK_FALSE(client->responded());

  server->respond(200, {{"proxy-status", "pop"}}, false);
  CHECK(server->write(base::as_bytes(std::string_view("world"))) == 5);
  pair.run();
  CHECK(client->responded());
  CHECK(client->head().status == 200);
  CHECK(client->head().fields == wire::Fields{{"proxy-status", "pop"}});
  CHECK(read_all(*client) == "world");

  client->end_write();
  pair.run();
  CHECK(server->ended());
  CHECK_FALSE(client->ended());
  CHECK(server->write(base::as_bytes(std::string_view("more"))) == 4);
  server->end_write();
  pair.run();
  CHECK(read_all(*client) == "more");
  CHECK(client->ended());
  CHECK_FALSE(client->reset());
  CHECK_FALSE(server->reset());
  client->release(false);
  server->release(false);
  CHECK(pair.client->streams() == 0);
  CHECK(pair.server->streams() == 0);
}

TEST_CASE("a refusal is an answer with its reason and no bytes behind") {
  Pair pair;
  const Pair::Ends ends = pair.open("blocked.example:443", "hello");
  ends.server->respond(403, {{"sluice-reason", "policy_block"}}, true);
  ends.server->release(false);
  pair.run();
  CHECK(ends.client->head().status == 403);
  CHECK(ends.client->head().fields == wire::Fields{{"sluice-reason", "policy_block"}});
  CHECK(ends.client->ended());
  ends.client->release(false);
  pair.run();
  CHECK(pair.server->streams() == 0);
  CHECK(pair.client->streams() == 0);
}

TEST_CASE("what was written before a release still arrives, with its end") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("a.example:443");
  const std::string bytes(50'000, 'x');
  CHECK(ends.server->write(base::as_bytes(bytes)) == bytes.size());
  ends.server->release(false);
  pair.run();
  CHECK(read_all(*ends.client) == bytes);
  CHECK(ends.client->ended());
  CHECK_FALSE(ends.client->reset());
  CHECK(pair.server->streams() == 0);  // and it was told to send no more
  CHECK_FALSE(ends.client->writable());
  ends.client->release(false);
}

TEST_CASE("a reset travels as a reset, and what came before it can still be read") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("a.example:443");
  Ear ear;
  ends.server->set_user(ear);
  ends.client->write(base::as_bytes(std::string_view("last words")));
  pair.run();
  ends.client->release(true);
  pair.run();
  CHECK(ear.calls > 0);
  CHECK(ends.server->reset());
  CHECK(read_all(*ends.server) == "last words");
  CHECK(ends.server->write(base::as_bytes(std::string_view("x"))) == 0);
  ends.server->release(false);
  CHECK(pair.server->streams() == 0);
  CHECK(pair.client->streams() == 0);
}

TEST_CASE("room is given back only when the reader comes again; a stalled stream never slows another") {
  Pair pair;
  const Pair::Ends stalled = pair.open_answered("stalled.example:443");
  const Pair::Ends busy = pair.open_answered("busy.example:443");
  const std::string piece(32'768, 'x');
  uint64_t sent_stalled = 0;
  uint64_t sent_busy = 0;
  uint64_t read_busy = 0;
  for (int i = 0; i < 1'000; ++i) {
    sent_stalled += stalled.client->write(base::as_bytes(piece));
    sent_busy += busy.client->write(base::as_bytes(piece));
    pair.run();
    read_busy += read_all(*busy.server).size();
  }
  CHECK(sent_busy == 1'000 * piece.size());
  CHECK(read_busy == sent_busy);
  CHECK(sent_stalled == static_cast<uint64_t>(stream_window_bytes) + unsent_bytes_max);  // and not a byte more
  // It goes on as soon as it is read.
  const std::string first = read_all(*stalled.server);
  CHECK(first.size() == static_cast<size_t>(stream_window_bytes));
  pair.run();
  CHECK(read_all(*stalled.server).size() == unsent_bytes_max);
  for (const auto& ends : {stalled, busy}) {
    ends.client->release(false);
    ends.server->release(false);
  }
}

TEST_CASE("who filled the buffer to the last byte hears when there is room again") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("full.example:443");
  const std::string full(unsent_bytes_max, 'x');
  while (ends.client->writable()) {
    CHECK(ends.client->write(base::as_bytes(full)) == full.size());
    pair.run();
  }
  Ear ear;
  ends.client->set_user(ear);
  while (!read_all(*ends.server).empty()) pair.run();
  CHECK(ear.calls > 0);
  CHECK(ends.client->writable());
  ends.client->release(true);
  ends.server->release(true);
}

TEST_CASE("a window grows while its reader keeps up within two round trips, up to its bound") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("bulk.example:443");
  // How much fits when nobody reads, after a while of reading at once.
  const std::string piece(32'768, 'x');
  for (int i = 0; i < 4'000; ++i) {
    ends.client->write(base::as_bytes(piece));
    pair.run();
    read_all(*ends.server);
  }
  uint64_t fits = 0;
  for (size_t taken = 1; taken > 0; fits += taken) {
    taken = ends.client->write(base::as_bytes(piece));
    pair.run();
  }
  CHECK(fits > static_cast<uint64_t>(stream_window_bytes_max) / 2);
  CHECK(fits <= static_cast<uint64_t>(stream_window_bytes_max) + unsent_bytes_max);
  ends.client->release(true);
  ends.server->release(true);
}

TEST_CASE("many streams that wait for a peer get small buffers, not big ones") {
  Pair pair(20'000);
  std::vector<Pair::Ends> all;
  for (int i = 0; i < 2'000; ++i) all.push_back(pair.open_answered("a.example:443"));
  const std::string much(unsent_bytes_max, 'x');
  // The windows are full of what nobody reads; then everybody writes what he may.
  for (const auto& ends : all) {
    while (ends.client->write(base::as_bytes(much)) > 0) pair.run();
  }
  uint64_t waiting = 0;
  for (const auto& ends : all) {
    waiting += read_all(*ends.server).size();
  }
  CHECK(waiting <= received_bytes_max + 2 * static_cast<uint64_t>(connection_window_bytes_max));
}

TEST_CASE("a drained tunnel takes no new streams and lets the open ones end") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("a.example:443");
  CHECK(pair.client->accepts_streams());
  pair.server->announce_drain();
  pair.run();
  CHECK(pair.client->draining());
  CHECK_FALSE(pair.client->accepts_streams());
  CHECK(pair.client->connect("b.example:443", {}, {}) == nullptr);
  pair.server->drain();
  pair.run();
  ends.client->write(base::as_bytes(std::string_view("still here")));
  pair.run();
  CHECK(read_all(*ends.server) == "still here");
  CHECK_FALSE(pair.server->finished());
  ends.client->release(false);
  ends.server->release(false);
  pair.run();
  CHECK(pair.server->finished());
}

TEST_CASE("users hear that their tunnel is gone") {
  Pair pair;
  const Pair::Ends ends = pair.open_answered("a.example:443");
  Ear client;
  Ear server;
  ends.client->set_user(client);
  ends.server->set_user(server);
  pair.client.reset();
  CHECK(client.lost);
  pair.server.reset();
  CHECK(server.lost);
}

TEST_CASE("a ping measures the round trip and shows that the peer lives") {
  Pair pair;
  CHECK(pair.client->round_trip() == base::Duration(0));
  pair.now = at_ms(500);
  pair.client->ping(pair.now);
  const base::ByteView ping = pair.client->output();
  pair.now = at_ms(580);
  pair.server->receive(ping, pair.now);
  pair.run();
  CHECK(pair.client->round_trip() == base::Duration(80));
  CHECK(pair.client->last_heard() == at_ms(580));
}

}  // namespace sluice::http::test
