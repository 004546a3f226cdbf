#include "proxy/wire/dns_answer.h"

#include <algorithm>
#include <array>

#include "proxy/base/byte_reader.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

constexpr uint16_t type_a = 1;
constexpr uint16_t type_aaaa = 28;
constexpr uint16_t class_internet = 1;
constexpr uint16_t flag_response = 0x8000;
constexpr uint16_t opcode_and_code = 0x780f;  // both zero: a standard query, without error

// A name without compression, as text.
std::optional<std::string> plain_name(base::ByteReader& reader) {
  std::string name;
  while (const auto size = reader.u8()) {
    if (*size == 0) {
      const auto host = parse_host(name);
      if (!host || host->address) return std::nullopt;
      return host->name;
    }
    const auto label = *size <= host_label_bytes_max ? reader.bytes(*size) : std::nullopt;
    if (!label || name.size() + label->size() >= host_bytes_max) return std::nullopt;
    if (!name.empty()) name += '.';
    name += base::as_text(*label);
  }
  return std::nullopt;
}

// Past a name that may end in a pointer.
bool skip_name(base::ByteReader& reader) {
  constexpr uint8_t pointer = 0xc0;
  while (const auto size = reader.u8()) {
    if (*size == 0) return true;
    if ((*size & pointer) == pointer) return reader.u8().has_value();
    if (*size > host_label_bytes_max || !reader.bytes(*size)) return false;
  }
  return false;
}

// One record of the answer section; false where the message is damaged.
bool read_record(base::ByteReader& reader, DnsAnswer& answer) {
  if (!skip_name(reader)) return false;
  const auto type = reader.u16();
  const auto of_class = reader.u16();
  const auto ttl = reader.u32();
  const auto data = ttl ? reader.prefixed(2) : std::nullopt;
  if (!data) return false;
  std::optional<base::IpAddress> address;
  if (*of_class == class_internet && *type == type_a && data->size() == 4) {
    std::array<uint8_t, 4> bytes{};
    std::copy(data->begin(), data->end(), bytes.begin());
    address = base::IpAddress::v4(bytes);
  } else if (*of_class == class_internet && *type == type_aaaa && data->size() == 16) {
    std::array<uint8_t, 16> bytes{};
    std::copy(data->begin(), data->end(), bytes.begin());
    address = base::IpAddress::v6(bytes);
  }
  if (!address) return true;
  answer.ttl_seconds = answer.addresses.empty() ? *ttl : std::min(answer.ttl_seconds, *ttl);
  answer.addresses.push_back(*address);
  return true;
}

}  // namespace

std::optional<DnsAnswer> parse_dns_answer(base::ByteView message) {
  base::ByteReader reader(message);
  const auto id = reader.u16();
  const auto flags = reader.u16();
  const auto questions = reader.u16();
  const auto answers = reader.u16();
  if (!id || !answers || !reader.u32()) return std::nullopt;
  if ((*flags & flag_response) == 0 || (*flags & opcode_and_code) != 0 || *questions != 1) return std::nullopt;
  DnsAnswer answer;
  auto name = plain_name(reader);
  const auto type = reader.u16();
  const auto of_class = reader.u16();
  if (!name || !of_class || *of_class != class_internet || (*type != type_a && *type != type_aaaa)) {
    return std::nullopt;
  }
  answer.name = std::move(*name);
  const size_t records = std::min<size_t>(*answers, dns_records_max);
  for (size_t i = 0; i < records; ++i) {
    if (!read_record(reader, answer)) return std::nullopt;
  }
  if (answer.addresses.empty()) return std::nullopt;
  return answer;
}

}  // namespace sluice::wire
