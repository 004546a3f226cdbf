#include "proxy/base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "proxy/base/assert.h"

namespace sluice::base {

namespace {

std::optional<uint32_t> parse_number(std::string_view text, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return value;
}

constexpr std::array<uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  return v4({static_cast<uint8_t>(host_order >> 24), static_cast<uint8_t>(host_order >> 16),
             static_cast<uint8_t>(host_order >> 8), static_cast<uint8_t>(host_order)});
}

IpAddress IpAddress::v4(std::array<uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<uint8_t, 16> bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  address.v4_ = false;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  if (std::memchr(terminated, '\0', text.size()) != nullptr) return std::nullopt;
  std::array<uint8_t, 16> bytes{};
  // Names are asked about several times a flow, and have no colon: an address without one is a dotted quad.
  if (text.find(':') == std::string_view::npos) {
    // glibc's inet_pton takes only the strict dotted quad (no octal, no short forms).
    const bool quad = text[0] >= '0' && text[0] <= '9' && inet_pton(AF_INET, terminated, bytes.data()) == 1;
    return quad ? std::optional(v4({bytes[0], bytes[1], bytes[2], bytes[3]})) : std::nullopt;
  }
  if (inet_pton(AF_INET6, terminated, bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

uint32_t IpAddress::v4_host_order() const {
  SLUICE_ASSERT(v4_);
  return uint32_t{bytes_[0]} << 24 | uint32_t{bytes_[1]} << 16 | uint32_t{bytes_[2]} << 8 | bytes_[3];
}

IpAddress IpAddress::unmapped() const {
  if (v4_ || !std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin())) return *this;
  return v4({bytes_[12], bytes_[13], bytes_[14], bytes_[15]});
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (!v4_) {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
    return text;
  }
  // Six of these a flow, and glibc prints a quad through vfprintf.
  char* at = text;
  for (size_t i = 0; i < 4; ++i) {
    if (i > 0) *at++ = '.';
    at = std::to_chars(at, text + sizeof text, bytes_[i]).ptr;
  }
  return {text, at};
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const uint32_t width = address->is_v4() ? 32 : 128;
  uint32_t prefix = width;
  if (slash != std::string_view::npos) {
    const auto number = parse_number(text.substr(slash + 1), width);
    if (!number) return std::nullopt;
    prefix = *number;
  }
  Cidr cidr;
  cidr.network_ = *address;
  cidr.prefix_ = static_cast<int>(prefix);
  for (uint32_t bit = prefix; bit < width; ++bit) {
    if (address->bytes()[bit / 8] & (0x80u >> (bit % 8))) return std::nullopt;
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.is_v4() != network_.is_v4()) return false;
  const auto whole = static_cast<size_t>(prefix_ / 8);
  const int rest = prefix_ % 8;
  if (std::memcmp(address.bytes().data(), network_.bytes().data(), whole) != 0) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (address.bytes()[whole] & mask) == (network_.bytes()[whole] & mask);
}

std::string Cidr::to_string() const {
  return network_.to_string() + "/" + std::to_string(prefix_);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_number(text.substr(colon + 1), 65535);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address || !port || address->is_v4() == bracketed) return std::nullopt;
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace sluice::base
