#include "proxy/tls/session.h"

#include "proxy/tls/engine.h"
#include "proxy/tls/limits.h"
#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

using State = Session::State;
using ReadStop = Session::Read::Stop;
using WriteStop = Session::Written::Stop;

std::string random_text(std::mt19937_64& random, size_t bytes) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

Pair tunnel_pair() {
  const Installation& files = Installation::get();
  return Pair::make(client_context(files.device_options()), server_context(files.tunnel_options()));
}

Pair open_pair() {
  Pair pair = tunnel_pair();
  pair.settle();
  REQUIRE(pair.client.session.state() == State::kOpen);
  REQUIRE(pair.server.session.state() == State::kOpen);
  return pair;
}

}  // namespace

TEST_CASE("a handshake names both sides, whatever the pieces") {
  for (const size_t piece : {size_t{1}, size_t{5}, size_t{1000}, SIZE_MAX}) {
    Pair pair = tunnel_pair();
    CHECK(pair.client.session.write(base::as_bytes("early")).stop == WriteStop::kHandshaking);
    pair.settle(piece, 1);
    INFO(described(pair.client.session) << " / " << described(pair.server.session));
    REQUIRE(pair.client.session.state() == State::kOpen);
    REQUIRE(pair.server.session.state() == State::kOpen);
    const Negotiated server = pair.server.session.negotiated();
    CHECK(server.version == 0x0304);
    CHECK(server.cipher.starts_with("TLS_"));
    CHECK(server.alpn == "h2");
    CHECK(server.sni == "pop.example");
    CHECK_FALSE(server.resumed);
    const auto device = pair.server.session.peer_certificate();
    REQUIRE(device);
    CHECK(device->device() == anna);
    CHECK(device->subject == "CN = laptop-7f3a");
    CHECK(device->issuer == "CN = Acme devices root");
    CHECK(device->not_after > base::wall_now() + std::chrono::hours(24 * 364));
    const auto pop = pair.client.session.peer_certificate();
    REQUIRE(pop);
    CHECK(pop->subject == "CN = pop");
    CHECK_FALSE(pop->device());
    CHECK(pair.client.session.client_certificate_requested());
    CHECK(pair.client.session.write(base::as_bytes("hello")).accepted == 5);
    pair.settle(piece, 3);
    CHECK(pair.server.received == "hello");
  }
}

TEST_CASE("the first flight is read alike at every split") {
  Pair pair = tunnel_pair();
  pair.carry();
  const std::string hello = pair.server.inbox;
  const ServerContext context = server_context(Installation::get().tunnel_options());
  for (size_t split = 0; split <= hello.size(); ++split) {
    Session server = Session::accept(context);
    const auto first = server.read(base::as_bytes(hello).first(split), {});
    CHECK(first.consumed == split);
    CHECK(first.stop == ReadStop::kNeedsInput);
    CHECK(server.output().empty() == (split < hello.size()));
    CHECK(server.read(base::as_bytes(hello).subspan(split), {}).consumed == hello.size() - split);
    CHECK_FALSE(server.output().empty());
    CHECK(server.negotiated().sni == "pop.example");
  }
}

TEST_CASE("bytes come through in both directions, in random pieces") {
  const uint64_t seed = test_seed();
  INFO("SLUICE_SEED=" << seed);
  std::mt19937_64 random(seed);
  Pair pair = open_pair();
  std::string to_server = random_text(random, 700'000);
  std::string to_client = random_text(random, 300'000);
  const std::string at_server = to_server;
  const std::string at_client = to_client;
  const auto piece = [&] { return size_t{1} << (random() % 17); };
  while (pair.server.received.size() < at_server.size() || pair.client.received.size() < at_client.size()) {
    const auto push = [&](End& end, std::string& rest) {
      const auto written = end.session.write(base::as_bytes(rest).first(std::min(piece(), rest.size())));
      CHECK((written.stop == WriteStop::kAll || written.stop == WriteStop::kOutputFull));
      rest.erase(0, written.accepted);
      CHECK(end.session.output().size() <= output_bytes_max + output_extra_bytes_max);
    };
    push(pair.client, to_server);
    push(pair.server, to_client);
    const auto carry = [&](End& from, End& to) {
      const auto bytes = from.session.output().first(std::min(piece(), from.session.output().size()));
      to.inbox.append(base::as_text(bytes));
      from.session.consume_output(bytes.size());
    };
    carry(pair.client, pair.server);
    carry(pair.server, pair.client);
    pair.client.read(piece(), piece());
    pair.server.read(piece(), piece());
    REQUIRE(pair.client.session.failure() == nullptr);
    REQUIRE(pair.server.session.failure() == nullptr);
  }
  CHECK(pair.server.received == at_server);
  CHECK(pair.client.received == at_client);
}

TEST_CASE("output that nobody takes stays bounded, and nothing is lost") {
  Pair pair = open_pair();
  const std::string bulk(1 << 20, 'x');
  const auto written = pair.client.session.write(base::as_bytes(bulk));
  CHECK(written.stop == WriteStop::kOutputFull);
  CHECK(written.accepted >= output_bytes_max - record_plaintext_bytes_max);
  CHECK(pair.client.session.output().size() <= output_bytes_max + record_plaintext_bytes_max + 100);
  CHECK(pair.client.session.write(base::as_bytes("y")).accepted == 0);
  pair.settle();
  CHECK(pair.server.received == bulk.substr(0, written.accepted));
}

TEST_CASE("a reader that stops gets the rest later, also what OpenSSL has decrypted already") {
  Pair pair = open_pair();
  REQUIRE(pair.client.session.write(base::as_bytes(std::string(10'000, 'a'))).accepted == 10'000);
  pair.carry();
  auto read = pair.server.read(SIZE_MAX, 100);
  CHECK(read.stop == ReadStop::kPlaintextFull);
  CHECK(read.produced == 100);
  CHECK(pair.server.inbox.empty());
  while (read.stop == ReadStop::kPlaintextFull) read = pair.server.read(0, 3000);
  CHECK(read.stop == ReadStop::kNeedsInput);
  CHECK(pair.server.received.size() == 10'000);
}

TEST_CASE("each direction ends on its own") {
  Pair pair = open_pair();
  pair.client.session.write(base::as_bytes("question"));
  pair.client.session.end_write();
  CHECK(pair.client.session.state() == State::kWriteEnded);
  CHECK(pair.client.session.write(base::as_bytes("more")).stop == WriteStop::kEnded);
  pair.settle();
  CHECK(pair.server.received == "question");
  CHECK(pair.server.ended);
  CHECK(pair.server.session.state() == State::kReadEnded);
  CHECK(pair.server.session.write(base::as_bytes(std::string(30'000, 'r'))).accepted == 30'000);
  pair.settle();
  CHECK(pair.client.received.size() == 30'000);
  pair.server.session.transport_ended();
  CHECK(pair.server.session.state() == State::kReadEnded);
  pair.server.session.end_write();
  CHECK(pair.server.session.state() == State::kClosed);
  pair.settle();
  CHECK(pair.client.session.state() == State::kClosed);
  pair.client.session.transport_ended();
  CHECK(pair.client.session.failure() == nullptr);
  pair.client.session.end_write();
  CHECK(pair.client.session.output().empty());
}

TEST_CASE("bytes behind close_notify are left to the caller") {
  Pair pair = open_pair();
  pair.client.session.write(base::as_bytes("last"));
  pair.client.session.end_write();
  pair.carry();
  pair.server.inbox += "GET /";
  const auto read = pair.server.read(SIZE_MAX, 100);
  CHECK(read.stop == ReadStop::kEnded);
  CHECK(pair.server.received == "last");
  CHECK(pair.server.inbox == "GET /");
}

TEST_CASE("an end without close_notify is told apart") {
  Pair pair = open_pair();
  pair.server.session.transport_ended();
  REQUIRE(pair.server.session.failure() != nullptr);
  CHECK(pair.server.session.failure()->kind == Failure::Kind::kTruncated);
  CHECK(pair.server.session.write(base::as_bytes("x")).stop == WriteStop::kFailed);
  Pair young = tunnel_pair();
  young.carry();
  young.server.read(10, 0);
  young.server.session.transport_ended();
  REQUIRE(young.server.session.failure() != nullptr);
  CHECK(young.server.session.failure()->text == "the connection ended during the handshake");
}

TEST_CASE("what is not TLS fails at once") {
  const ServerContext context = server_context(Installation::get().tunnel_options());
  for (const std::string_view text :
       {std::string_view("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string_view("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string_view("\x16\x03\x01\xff\xff"), std::string_view("\x15\x03\x03\0\2\2\x28", 7)}) {
    Session server = Session::accept(context);
    const auto read = server.read(base::as_bytes(text), {});
    CHECK(read.stop == ReadStop::kFailed);
    REQUIRE(server.failure() != nullptr);
    CHECK_FALSE(server.failure()->text.empty());
  }
}

TEST_CASE("a changed byte anywhere ends the session with an alert, never with other bytes") {
  const uint64_t seed = test_seed();
  INFO("SLUICE_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    Pair pair = open_pair();
    pair.client.session.write(base::as_bytes(std::string(2000, 'a')));
    pair.carry();
    pair.server.inbox[random() % pair.server.inbox.size()] ^= static_cast<char>(1 + random() % 255);
    pair.server.read(SIZE_MAX, 4000);
    CHECK(pair.server.received.empty());
    if (pair.server.session.failure() == nullptr) {  // the length grew: more is awaited
      CHECK(pair.server.session.state() == State::kOpen);
      continue;
    }
    CHECK(pair.server.session.failure()->kind == Failure::Kind::kProtocol);
    pair.settle();
    REQUIRE(pair.client.session.failure() != nullptr);
    CHECK(pair.client.session.failure()->kind == Failure::Kind::kPeerAlert);
    CHECK(pair.client.session.failure()->alert == pair.server.session.failure()->alert);
  }
}

TEST_CASE("a flood of key updates stops reading instead of filling memory") {
  Pair pair = open_pair();
  SSL* ssl = pair.client.session.engine().ssl.get();
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(ssl) == 1);
    pair.server.inbox.append(base::as_text(pair.client.session.output()));
    pair.client.session.consume_output(pair.client.session.output().size());
    const auto read = pair.server.read(SIZE_MAX, 100);
    CHECK(pair.server.session.output().size() <= output_bytes_max + output_extra_bytes_max);
    if (read.stop == ReadStop::kOutputFull) {
      CHECK(pair.server.session.write(base::as_bytes("x")).stop == WriteStop::kOutputFull);
      pair.settle();
      pair.server.session.write(base::as_bytes("alive"));
      pair.settle();
      CHECK(pair.client.received == "alive");
      return;
    }
    REQUIRE(read.stop != ReadStop::kFailed);
  }
}

TEST_CASE("idle sessions give their buffers back and go on") {
  Pair pair = open_pair();
  pair.client.session.release_buffers();
  pair.server.session.release_buffers();
  pair.client.session.write(base::as_bytes("again"));
  pair.settle();
  CHECK(pair.server.received == "again");
}

TEST_CASE("sessions move while they work") {
  Pair pair = tunnel_pair();
  Pair moved = std::move(pair);
  moved.settle();
  End client = std::move(moved.client);
  client.session.write(base::as_bytes("moved"));
  moved.client = std::move(client);
  moved.settle();
  CHECK(moved.server.received == "moved");
}

}  // namespace sluice::tls
