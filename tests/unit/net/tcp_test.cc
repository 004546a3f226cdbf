#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "proxy/net/listener.h"
#include "proxy/net/resolver.h"
#include "proxy/net/tcp_stream.h"

namespace sluice::net {

namespace {

class Watcher : public StreamHandler {
 public:
  std::function<void(Stream&)> on_change;
  void on_stream(Stream& stream) override { on_change(stream); }
};

const base::Endpoint any_port = *base::Endpoint::parse("127.0.0.1:0");

}  // namespace

TEST_CASE("bytes, half-close and end over one connection") {
  Loop loop;
  Watcher server_side, client_side;
  std::unique_ptr<TcpStream> server, client;
  std::string at_server, at_client;
  bool client_ended = false, answered = false;
  uint8_t buffer[64];
  server_side.on_change = [&](Stream& stream) {
    while (stream.readable()) {
      const IoResult result = stream.read(buffer);
      if (result.kind == IoResult::Kind::kEnded && !answered) {
        answered = true;
        CHECK(stream.write(base::as_bytes("pong")).bytes == 4);
        stream.shutdown_write();
      }
      if (result.kind != IoResult::Kind::kMoved) return;
      at_server.append(reinterpret_cast<char*>(buffer), result.bytes);
    }
  };
  auto listener = Listener::listen(loop, any_port, [&](int fd, const base::Endpoint& peer) {
    CHECK(peer.address.to_string() == "127.0.0.1");
    server = TcpStream::adopt(loop, fd, server_side);
  });
  REQUIRE(listener);
  CHECK((*listener)->address().port != 0);
  bool sent = false;
  client_side.on_change = [&](Stream& stream) {
    REQUIRE(stream.socket()->connect_error() == 0);
    if (!sent && stream.writable()) {
      sent = true;
      CHECK(stream.write(base::as_bytes("ping")).bytes == 4);
      stream.shutdown_write();
    }
    while (stream.readable()) {
      const IoResult result = stream.read(buffer);
      if (result.kind == IoResult::Kind::kEnded) {
        client_ended = true;
        loop.stop();
      }
      if (result.kind != IoResult::Kind::kMoved) return;
      at_client.append(reinterpret_cast<char*>(buffer), result.bytes);
    }
  };
  int error = 0;
  client = TcpStream::connect(loop, (*listener)->address(), client_side, &error);
  REQUIRE(client);
  loop.run();
  CHECK(at_server == "ping");
  CHECK(at_client == "pong");
  CHECK(client_ended);
}

TEST_CASE("a refused connection says so") {
  Loop loop;
  base::Endpoint closed_port;
  {
    auto listener = Listener::listen(loop, any_port, [](int, const base::Endpoint&) {});
    REQUIRE(listener);
    closed_port = (*listener)->address();
  }
  Watcher watcher;
  int seen = 0;
  watcher.on_change = [&](Stream& stream) {
    seen = stream.socket()->connect_error();
    loop.stop();
  };
  int error = 0;
  const auto stream = TcpStream::connect(loop, closed_port, watcher, &error);
  if (stream) {
    loop.run();
  } else {
    seen = error;
  }
  CHECK(seen == ECONNREFUSED);
}

TEST_CASE("a reset reaches the other side as a reset, after what was sent") {
  Loop loop;
  Watcher server_side, client_side;
  std::unique_ptr<TcpStream> server, client;
  IoResult last;
  uint8_t buffer[64];
  server_side.on_change = [&](Stream& stream) {
    while (stream.readable()) {
      const IoResult result = stream.read(buffer);
      if (result.kind == IoResult::Kind::kBlocked) return;
      last = result;
      if (result.kind == IoResult::Kind::kMoved) continue;
      loop.stop();
      return;
    }
  };
  auto listener = Listener::listen(
      loop, any_port, [&](int fd, const base::Endpoint&) { server = TcpStream::adopt(loop, fd, server_side); });
  REQUIRE(listener);
  client_side.on_change = [&](Stream& stream) {
    if (!client || !stream.writable()) return;
    stream.reset_on_close();
    client.reset();
  };
  int error = 0;
  client = TcpStream::connect(loop, (*listener)->address(), client_side, &error);
  REQUIRE(client);
  loop.run();
  CHECK(last.kind == IoResult::Kind::kReset);
  CHECK(last.error == ECONNRESET);
}

TEST_CASE("two listeners share one address, a stranger's address is an error with a reason") {
  Loop loop;
  auto first = Listener::listen(loop, any_port, [](int, const base::Endpoint&) {});
  REQUIRE(first);
  CHECK(Listener::listen(loop, (*first)->address(), [](int, const base::Endpoint&) {}));
  const auto stranger =
      Listener::listen(loop, *base::Endpoint::parse("192.0.2.1:1"), [](int, const base::Endpoint&) {});
  REQUIRE_FALSE(stranger);
  CHECK(stranger.error().message.find("cannot listen on 192.0.2.1:1") == 0);
}

TEST_CASE("names of the hosts file resolve, silent servers time out, and a resolver can die with questions open") {
  Loop loop;
  struct Asker : ResolveHandler {
    std::function<void(const ResolveAnswer&)> on_answer;
    void on_resolved(const ResolveAnswer& answer) override { on_answer(answer); }
  };
  Asker asker;
  {
    auto resolver = Resolver::create(loop, {});
    REQUIRE(resolver);
    ResolveAnswer seen;
    asker.on_answer = [&](const ResolveAnswer& answer) {
      seen = answer;
      loop.stop();
    };
    (*resolver)->resolve("localhost", Family::kV4, asker);
    if (seen.addresses.empty()) loop.run();
    REQUIRE(seen.error == ResolveError::kNone);
    CHECK(seen.addresses[0].to_string() == "127.0.0.1");
    // From the cache now: answered before resolve() returns.
    int calls = 0;
    asker.on_answer = [&](const ResolveAnswer&) { ++calls; };
    (*resolver)->resolve("localhost", Family::kV4, asker);
    CHECK(calls == 1);
  }
  auto silent = Resolver::create(loop, {"127.0.0.1:9"});
  REQUIRE(silent);
  asker.on_answer = [](const ResolveAnswer&) {};
  (*silent)->resolve("nobody.example", Family::kV4, asker);
  (*silent)->cancel(asker);
  silent->reset();
  CHECK_FALSE(Resolver::create(loop, {"not a server"}));
}

}  // namespace sluice::net
