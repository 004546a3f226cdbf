#include "proxy/client/packet_watch.h"

#include <utility>

#include "proxy/client/limits.h"
#include "proxy/wire/dns_answer.h"

namespace sluice::client {

base::Result<std::unique_ptr<PacketWatch>> PacketWatch::open(net::Loop& loop, Judge judge) {
  std::unique_ptr<PacketWatch> watch(new PacketWatch(loop, std::move(judge)));
  PacketWatch& self = *watch;
  auto dns =
      NetfilterSocket::open_log(loop, dns_log_group, [&self](base::ByteView bytes, uint32_t) { self.on_dns(bytes); });
  if (!dns) return dns.error();
  self.dns_ = std::move(*dns);
  auto refused = NetfilterSocket::open_log(loop, quic_log_group, [&self](base::ByteView bytes, uint32_t) {
    if (const auto packet = wire::parse_udp_packet(bytes)) (void)self.judge_(*packet, Quic::kRefused);
  });
  if (!refused) return refused.error();
  self.refused_ = std::move(*refused);
  auto queue = NetfilterSocket::open_queue(loop, quic_queue, [&self](base::ByteView bytes, uint32_t id) {
    const auto packet = wire::parse_udp_packet(bytes);
    const bool passes = packet && self.judge_(*packet, Quic::kAsked);
    self.queue_->answer(id, passes ? quic_passes_mark : quic_refused_mark);
  });
  if (queue) self.queue_ = std::move(*queue);
  return watch;
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
