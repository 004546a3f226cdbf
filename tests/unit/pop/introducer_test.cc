// Connections of balancers over real sockets.
#include "proxy/pop/introducer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <string>

#include "proxy/net/address.h"
#include "proxy/net/listener.h"

namespace sluice::pop {

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string addresses("\xc0\x00\x02\x09\xc6\x33\x64\x01\xc7\x38\x01\xbb", 12);
const std::string header = signature + std::string("\x21\x11\x00\x0c", 4) + addresses;
const std::string local_header = signature + std::string("\x20\x00\x00\x00", 4);

struct Introduced {
  std::string source;
  std::string destination;
  std::string behind;  // what could be read at once
};

// Accepts on loopback what it connects itself, and plays the host.
class Door : private IntroducerHost {
 public:
  explicit Door(Introduction terms = {{}, base::Duration(60'000)})
      : terms_(std::make_shared<const Introduction>(std::move(terms))) {
    auto listener =
        net::Listener::listen(loop, *base::Endpoint::parse("127.0.0.1:0"),
                              [this](int fd, const base::Endpoint& peer) { introducer.accept(3, fd, peer, terms_); });
    REQUIRE(listener);
    listener_ = std::move(*listener);
  }
  ~Door() {
    for (const int fd : clients_) ::close(fd);
  }

  // A client's socket; `first` is sent before anybody looks.
  int connect(const std::string& first) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net::SocketAddress to = net::SocketAddress::from(listener_->address());
    REQUIRE(::connect(fd, to.get(), to.length) == 0);
    clients_.push_back(fd);
    send(fd, first);
    return fd;
  }
  static void send(int fd, const std::string& bytes) {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // Until the host has heard of one more connection.
  void run() {
    stopping_ = true;
    loop.run();
  }

  net::Loop loop;
  Introducer introducer{loop, *this};
  std::deque<Introduced> introduced;
  std::deque<std::string> refused;

 private:
  void on_introduced(size_t listener, std::unique_ptr<net::TcpStream> client, const base::Endpoint& source,
                     std::optional<base::Endpoint> destination) override {
    CHECK(listener == 3);
    std::array<uint8_t, 64> buffer{};
    const net::IoResult result = client->readable() ? client->read(buffer) : net::IoResult{};
    introduced.push_back({source.to_string(), destination ? destination->to_string() : "",
                          std::string(base::as_text(base::ByteView(buffer).first(result.bytes)))});
    if (stopping_) loop.stop();
  }
  void on_not_introduced(const base::Endpoint&, std::string_view text) override {
    refused.emplace_back(text);
    if (stopping_) loop.stop();
  }

  std::shared_ptr<const Introduction> terms_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<int> clients_;
  bool stopping_ = false;
};

}  // namespace

TEST_CASE("introducer: source and destination are the header's; what follows is untouched") {
  Door door;
  door.connect(header + "GET / HTTP/1.1\r\n");
  door.run();
  REQUIRE(door.introduced.size() == 1);
  CHECK(door.introduced[0].source == "192.0.2.9:51000");
  CHECK(door.introduced[0].destination == "198.51.100.1:443");
  CHECK(door.introduced[0].behind == "GET / HTTP/1.1\r\n");
}

TEST_CASE("introducer: a header in pieces") {
  Door door;
  const int fd = door.connect(header.substr(0, 1));
  size_t at = 1;
  // Each turn of the loop finds one byte more.
  door.loop.at_turn_end([&] {
    if (at < header.size()) Door::send(fd, header.substr(at++, 1));
  });
  door.run();
  REQUIRE(door.introduced.size() == 1);
  CHECK(at == header.size());
  CHECK(door.introduced[0].source == "192.0.2.9:51000");
  CHECK(door.introduced[0].behind.empty());
}

TEST_CASE("introducer: a balancer that speaks for itself keeps its own address") {
  Door door;
  door.connect(local_header);
  door.run();
  REQUIRE(door.introduced.size() == 1);
  CHECK(door.introduced[0].source.starts_with("127.0.0.1:"));
  CHECK(door.introduced[0].destination.empty());
}

TEST_CASE("introducer: what is no header, or comes from elsewhere, is refused") {
  Door door;
  door.connect("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
  door.run();
  CHECK(door.refused.at(0) == "the connection does not begin with a PROXY protocol header");
  door.connect("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n");
  door.run();
  CHECK(door.refused.at(1) == "the PROXY protocol header is of version 1; version 2 is wanted");
  CHECK(door.introduced.empty());

  Door strict({{*base::Cidr::parse("198.51.100.0/24")}, base::Duration(60'000)});
  strict.connect(header);
  strict.run();
  CHECK(strict.refused.at(0) == "Not in allow_sources");
  CHECK(strict.introduced.empty());
}

TEST_CASE("introducer: who says nothing is let go") {
  Door door({{}, base::Duration(20)});
  door.connect(header.substr(0, 20));
  door.run();
  CHECK(door.refused.at(0) == "The PROXY protocol header did not arrive in time");
}

TEST_CASE("introducer: a connection that ends is no news, and a drain forgets the rest") {
  Door door;
  ::shutdown(door.connect(""), SHUT_WR);
  door.connect(header.substr(0, 20));
  door.connect(header);
  door.run();
  CHECK(door.introduced.size() == 1);
  CHECK(door.refused.empty());
  door.introducer.drain();
}

}  // namespace sluice::pop
