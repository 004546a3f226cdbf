// Packets that wait for a verdict, in a network namespace of the test's own. The rules are iptables': the kernel of
// some machines has its NFQUEUE, but not the `queue` of nftables that the client installs.
#include "proxy/client/packet_watch.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "proxy/client/limits.h"
#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace sluice::client {

namespace {

using net::SocketAddress;

class Udp {
 public:
  explicit Udp(const char* address) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    SocketAddress at = SocketAddress::from(*base::Endpoint::parse(address));
    REQUIRE(bind(fd_, at.get(), at.length) == 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    REQUIRE(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  }
  ~Udp() { close(fd_); }
  void send(const char* to, std::string_view bytes) {
    SocketAddress peer = SocketAddress::from(*base::Endpoint::parse(to));
    REQUIRE(connect(fd_, peer.get(), peer.length) == 0);
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  // What came; empty when the other end was said to be out of reach.
  std::string receive() {
    std::array<char, 100> buffer{};
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0) CHECK(errno != EAGAIN);
    return size < 0 ? std::string() : std::string(buffer.data(), static_cast<size_t>(size));
  }

 private:
  int fd_;
};

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(cert-env33-c): a fixed text
}

bool make_rules() {
  const std::string output = "iptables -A OUTPUT -p udp --dport 443 ";
  return run("ip link set lo up") &&
         run(output + "-m mark --mark " + std::to_string(quic_passes_mark) + " -j ACCEPT") &&
         run(output + "-m mark --mark " + std::to_string(quic_refused_mark) +
             " -j REJECT --reject-with icmp-admin-prohibited") &&
         run(output + "-j NFQUEUE --queue-num " + std::to_string(quic_queue));
}

void judge_connections() {
  net::Loop loop;
  std::mutex mutex;
  std::vector<std::string> judged;
  auto watch = PacketWatch::open(
      loop,
      [&](const wire::UdpPacket& packet, PacketWatch::Quic quic) {
        const std::lock_guard lock(mutex);
        judged.push_back(packet.source.to_string() + " " + packet.destination.to_string());
        CHECK(quic == PacketWatch::Quic::kAsked);
        return packet.source.port == 4001;
      },
      [](const KernelConnection&, bool) {});
  REQUIRE(watch.ok());
  REQUIRE((*watch)->can_ask());
  auto second = PacketWatch::open(
      loop, [](const wire::UdpPacket&, PacketWatch::Quic) { return false; }, [](const KernelConnection&, bool) {});
  CHECK_FALSE(second.ok());  // a number has one owner
  std::thread turning([&loop] { loop.run(); });
  {
    Udp origin("127.0.0.1:443");
    Udp passing("127.0.0.1:4001");
    passing.send("127.0.0.1:443", "passes");
    CHECK(origin.receive() == "passes");
    Udp refused("127.0.0.1:4002");
    refused.send("127.0.0.1:443", "refused");
    CHECK(refused.receive().empty());
  }
  loop.post([&loop] { loop.stop(); });
  turning.join();
  CHECK(judged == std::vector<std::string>{"127.0.0.1:4001 127.0.0.1:443", "127.0.0.1:4002 127.0.0.1:443"});
}

}  // namespace

TEST_CASE(
    "the first packet of a QUIC connection waits for a verdict: it passes, or its program hears that it may not") {
  std::thread inside([] {
    if (unshare(CLONE_NEWNET) != 0 || !make_rules()) {
      WARN("needs root, iptables and a kernel with NFQUEUE");
      return;
    }
    judge_connections();
  });
  inside.join();
}

}  // namespace sluice::client
