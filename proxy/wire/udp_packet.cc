#include "proxy/wire/udp_packet.h"

#include <algorithm>
#include <array>

#include "proxy/base/byte_reader.h"

namespace sluice::wire {

namespace {

constexpr uint8_t protocol_udp = 17;
constexpr size_t udp_head_bytes = 8;
constexpr uint16_t fragment_offset_mask = 0x1fff;

template <size_t N>
std::array<uint8_t, N> array_of(base::ByteView bytes) {
  std::array<uint8_t, N> array{};
  std::copy_n(bytes.begin(), N, array.begin());
  return array;
}

struct Head {
  base::IpAddress source, destination;
  size_t bytes = 0;
};

std::optional<Head> ipv4_head(base::ByteView packet) {
  constexpr size_t head_bytes_min = 20;
  if (packet.size() < head_bytes_min) return std::nullopt;
  const size_t bytes = size_t{packet[0] & 0xfu} * 4;
  const auto fragment = static_cast<uint16_t>(packet[6] << 8 | packet[7]);
  if (bytes < head_bytes_min || packet[9] != protocol_udp || (fragment & fragment_offset_mask) != 0) {
    return std::nullopt;
  }
  return Head{base::IpAddress::v4(array_of<4>(packet.subspan(12))),
              base::IpAddress::v4(array_of<4>(packet.subspan(16))), bytes};
}

std::optional<Head> ipv6_head(base::ByteView packet) {
  constexpr size_t head_bytes = 40;
  if (packet.size() < head_bytes || packet[6] != protocol_udp) return std::nullopt;
  return Head{base::IpAddress::v6(array_of<16>(packet.subspan(8))),
              base::IpAddress::v6(array_of<16>(packet.subspan(24))), head_bytes};
}

}  // namespace

std::optional<UdpPacket> parse_udp_packet(base::ByteView packet) {
  if (packet.empty()) return std::nullopt;
  const int version = packet[0] >> 4;
  const auto head = version == 4 ? ipv4_head(packet) : version == 6 ? ipv6_head(packet) : std::nullopt;
  if (!head || packet.size() < head->bytes + udp_head_bytes) return std::nullopt;
  base::ByteReader reader(packet.subspan(head->bytes));
  const uint16_t source_port = *reader.u16();
  const uint16_t destination_port = *reader.u16();
  const uint16_t length = *reader.u16();
  if (length < udp_head_bytes) return std::nullopt;
  const base::ByteView rest = packet.subspan(head->bytes + udp_head_bytes);
  return UdpPacket{{head->source, source_port},
                   {head->destination, destination_port},
                   rest.first(std::min(rest.size(), size_t{length} - udp_head_bytes))};
}

}  // namespace sluice::wire
