#pragma once
// PacketWatch: what the capture's table shows the client beside the connections that it brings: DNS answers, which name
// addresses, and the first packets of QUIC connections, which pass, are refused or wait for a verdict; and what the
// kernel counts of those that pass.
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/base/result.h"
#include "proxy/client/kernel_connection.h"
#include "proxy/client/name_book.h"
#include "proxy/client/netfilter_socket.h"
#include "proxy/wire/udp_packet.h"

namespace sluice::client {

// One loop.
class PacketWatch {
 public:
  enum class Quic : uint8_t {
    kAsked,    // the packet waits: true lets its connection pass
    kRefused,  // the packet filter has refused it
    kPassed,   // the packet filter lets it pass, to a network of an exception
  };
  using Judge = std::function<bool(const wire::UdpPacket& packet, Quic quic)>;
  using Count = std::function<void(const KernelConnection& connection, bool over)>;

  // Makes the kernel count the bytes of this network namespace's connections.
  static base::Result<std::unique_ptr<PacketWatch>> open(net::Loop& loop, Judge judge, Count count);
  PacketWatch(const PacketWatch&) = delete;
  PacketWatch& operator=(const PacketWatch&) = delete;

  // Whether packets can wait for a verdict here: another program may have the queue, or the kernel none.
  bool can_ask() const { return queue_ != nullptr; }

  // Whether `count` hears of connections when they end; otherwise nobody knows their bytes.
  bool can_count() const { return connections_ != nullptr; }
  // `count` hears how a connection stands before this returns, where the kernel knows it.
  void ask(const base::Endpoint& source, const base::Endpoint& destination) { connections_->ask(source, destination); }

  // What this machine's programs asked for before they got this address; "" = unknown. Answers that the kernel has
  // shown already count, so that who connects right behind his answer is known.
  std::string name_of(const base::IpAddress& address);

  // Whether a packet of these two is the first for a while: programs try again, and one line is enough.
  bool first_lately(const wire::UdpPacket& packet);

 private:
  PacketWatch(net::Loop& loop, Judge judge, Count count)
      : loop_(loop), judge_(std::move(judge)), count_(std::move(count)) {}
  bool judge(const wire::UdpPacket& packet, Quic quic);
  base::Status watch_quic();
  void watch_connections();
  void on_dns(base::ByteView bytes);

  net::Loop& loop_;
  Judge judge_;
  Count count_;
  NameBook names_;
  std::unordered_map<std::string, base::Time> seen_;  // both ends of a connection, when
  std::unique_ptr<NetfilterSocket> dns_, refused_, passed_, queue_, connections_;
};

}  // namespace sluice::client
