#include "proxy/wire/proxy_header.h"

#include <algorithm>
#include <array>

#include "proxy/base/byte_reader.h"
#include "proxy/base/crc32c.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

using HeaderParse = Parse<ProxyHeader, ProxyHeaderError>;

constexpr std::array<uint8_t, 12> signature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::string_view version_1 = "PROXY ";
constexpr size_t fixed_bytes = 16;
constexpr uint8_t tlv_crc32c = 0x03;

bool agrees(base::ByteView held, base::ByteView wanted) {
  const size_t size = std::min(held.size(), wanted.size());
  return std::equal(wanted.begin(), wanted.begin() + static_cast<ptrdiff_t>(size), held.begin());
}

base::IpAddress address_of(base::ByteView bytes) {
  if (bytes.size() == 4) return base::IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  std::array<uint8_t, 16> all{};
  std::copy(bytes.begin(), bytes.end(), all.begin());
  return base::IpAddress::v6(all).unmapped();  // every rule about addresses wants the real one
}

std::optional<ProxyHeader::Addresses> read_addresses(base::ByteReader& rest, size_t address_bytes) {
  const auto source = rest.bytes(address_bytes);
  const auto destination = rest.bytes(address_bytes);
  const auto source_port = rest.u16();
  const auto destination_port = rest.u16();
  if (!source || !destination || !source_port || !destination_port) return std::nullopt;
  return ProxyHeader::Addresses{{address_of(*source), *source_port}, {address_of(*destination), *destination_port}};
}

// The checksum covers the whole header with its own four bytes as zeros.
bool checksum_is_right(base::ByteView header, size_t at, base::ByteView given) {
  constexpr std::array<uint8_t, 4> zeros{};
  uint32_t crc = base::crc32c(header.first(at));
  crc = base::crc32c(zeros, crc);
  crc = base::crc32c(header.subspan(at + zeros.size()), crc);
  base::ByteReader reader(given);
  return reader.u32() == crc;
}

std::optional<ProxyHeaderError> check_tlvs(base::ByteView header, base::ByteReader& rest, size_t rest_at) {
  const size_t start = rest.position();
  while (!rest.done()) {
    const auto type = rest.u8();
    const auto value = rest.prefixed(2);
    if (!type || !value) return ProxyHeaderError::kBadTlv;
    if (*type != tlv_crc32c) continue;
    const size_t at = rest_at + rest.position() - start - value->size();
    if (value->size() != sizeof(uint32_t) || !checksum_is_right(header, at, *value)) {
      return ProxyHeaderError::kBadChecksum;
    }
  }
  return std::nullopt;
}

HeaderParse parse_whole(base::ByteView header, uint8_t command, uint8_t family) {
  constexpr uint8_t local = 0;
  constexpr uint8_t unknown = 0x00, tcp_v4 = 0x11, tcp_v6 = 0x21;
  if (command > 1) return HeaderParse::invalid(ProxyHeaderError::kBadCommand);
  ProxyHeader result;
  if (command == local || family == unknown) return HeaderParse::complete(std::move(result), header.size());
  if (family != tcp_v4 && family != tcp_v6) return HeaderParse::invalid(ProxyHeaderError::kBadFamily);
  base::ByteReader rest(header.subspan(fixed_bytes));
  result.addresses = read_addresses(rest, family == tcp_v4 ? 4 : 16);
  if (!result.addresses) return HeaderParse::invalid(ProxyHeaderError::kBadLength);
  if (const auto error = check_tlvs(header, rest, fixed_bytes + rest.position())) return HeaderParse::invalid(*error);
  return HeaderParse::complete(std::move(result), header.size());
}

}  // namespace

const char* describe(ProxyHeaderError error) {
  switch (error) {
    case ProxyHeaderError::kNoSignature: return "the connection does not begin with a PROXY protocol header";
    case ProxyHeaderError::kVersion1: return "the PROXY protocol header is of version 1; version 2 is wanted";
    case ProxyHeaderError::kBadVersion: return "the PROXY protocol header is not of version 2";
    case ProxyHeaderError::kBadCommand: return "the PROXY protocol command is neither LOCAL nor PROXY";
    case ProxyHeaderError::kBadFamily: return "the PROXY protocol header is not about TCP";
    case ProxyHeaderError::kBadLength: return "the PROXY protocol header's length does not fit";
    case ProxyHeaderError::kBadTlv: return "an extension of the PROXY protocol header is cut short";
    case ProxyHeaderError::kBadChecksum: return "the PROXY protocol header's checksum is wrong";
  }
  return "";
}

Parse<ProxyHeader, ProxyHeaderError> parse_proxy_header(base::ByteView held) {
  if (!agrees(held, signature)) {
    const bool first = held.size() >= version_1.size() && agrees(held, base::as_bytes(version_1));
    const bool maybe_first = held.size() < version_1.size() && agrees(held, base::as_bytes(version_1));
    if (maybe_first) return HeaderParse::need_more();
    return HeaderParse::invalid(first ? ProxyHeaderError::kVersion1 : ProxyHeaderError::kNoSignature);
  }
  base::ByteReader reader(held);
  if (!reader.bytes(signature.size())) return HeaderParse::need_more();
  const auto version = reader.u8();
  if (!version) return HeaderParse::need_more();
  if (*version >> 4 != 2) return HeaderParse::invalid(ProxyHeaderError::kBadVersion);
  const auto family = reader.u8();
  const auto length = reader.u16();
  if (!family || !length) return HeaderParse::need_more();
  const size_t size = fixed_bytes + *length;
  if (size > proxy_header_bytes_max) return HeaderParse::invalid(ProxyHeaderError::kBadLength);
  if (held.size() < size) return HeaderParse::need_more();
  return parse_whole(held.first(size), *version & 0x0f, *family);
}

size_t proxy_header_missing(base::ByteView held) {
  if (held.size() < fixed_bytes) return fixed_bytes - held.size();
  const size_t rest = size_t{held[fixed_bytes - 2]} * 256 + held[fixed_bytes - 1];
  return fixed_bytes + rest - held.size();
}

}  // namespace sluice::wire
