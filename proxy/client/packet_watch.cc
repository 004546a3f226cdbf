#include "proxy/client/packet_watch.h"

#include <fstream>
#include <utility>

#include "proxy/client/limits.h"
#include "proxy/wire/dns_answer.h"

namespace sluice::client {

namespace {

// True when the kernel counts the packets and bytes of connections that begin from now on.
bool make_kernel_count() {
  std::ofstream setting("/proc/sys/net/netfilter/nf_conntrack_acct");
  setting << "1\n" << std::flush;
  return setting.good();
}

}  // namespace

base::Result<std::unique_ptr<PacketWatch>> PacketWatch::open(net::Loop& loop, Judge judge, Count count) {
  std::unique_ptr<PacketWatch> watch(new PacketWatch(loop, std::move(judge), std::move(count)));
  PacketWatch& self = *watch;
  auto dns =
      NetfilterSocket::open_log(loop, dns_log_group, [&self](base::ByteView bytes, uint32_t) { self.on_dns(bytes); });
  if (!dns) return dns.error();
  self.dns_ = std::move(*dns);
  if (auto status = self.watch_quic(); !status) return status.error();
  self.watch_connections();
  return watch;
}

base::Status PacketWatch::watch_quic() {
  const auto show = [this](Quic quic) {
    return [this, quic](base::ByteView bytes, uint32_t) {
      if (const auto packet = wire::parse_udp_packet(bytes)) (void)judge(*packet, quic);
    };
  };
  auto refused = NetfilterSocket::open_log(loop_, quic_log_group, show(Quic::kRefused));
  if (!refused) return refused.error();
  refused_ = std::move(*refused);
  auto passed = NetfilterSocket::open_log(loop_, quic_passed_log_group, show(Quic::kPassed));
  if (!passed) return passed.error();
  passed_ = std::move(*passed);
  auto queue = NetfilterSocket::open_queue(loop_, quic_queue, [this](base::ByteView bytes, uint32_t id) {
    const auto packet = wire::parse_udp_packet(bytes);
    const bool passes = packet && judge(*packet, Quic::kAsked);
    queue_->answer(id, passes ? quic_passes_mark : quic_refused_mark);
  });
  if (queue) queue_ = std::move(*queue);
  return base::Unit{};
}

// Ends come first: the same two ports may begin anew.
bool PacketWatch::judge(const wire::UdpPacket& packet, Quic quic) {
  if (connections_) connections_->read();
  return judge_(packet, quic);
}

void PacketWatch::watch_connections() {
  if (!make_kernel_count()) return;
  auto connections = NetfilterSocket::open_connections(loop_, [this](base::ByteView attributes, uint32_t state) {
    const auto connection = parse_kernel_connection(attributes);
    if (connection) count_(*connection, state == NetfilterSocket::connection_over);
  });
  if (connections) connections_ = std::move(*connections);
}

std::string PacketWatch::name_of(const base::IpAddress& address) {
  dns_->read();
  return names_.name_of(address, loop_.now());
}

bool PacketWatch::first_lately(const wire::UdpPacket& packet) {
  const std::string key = packet.source.to_string() + " " + packet.destination.to_string();
  const auto found = seen_.find(key);
  if (found != seen_.end() && loop_.now() - found->second < quic_line_pause) return false;
  if (seen_.size() >= quic_lines_remembered_max) seen_.clear();
  seen_[key] = loop_.now();
  return true;
}

void PacketWatch::on_dns(base::ByteView bytes) {
  const auto packet = wire::parse_udp_packet(bytes);
  if (!packet) return;
  if (const auto answer = wire::parse_dns_answer(packet->payload)) names_.learn(*answer, loop_.now());
}

}  // namespace sluice::client
