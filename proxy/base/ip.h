#pragma once
// Addresses as values: no sockets, no resolver. IPv4-mapped IPv6 addresses are kept as they came; `unmapped()` reduces
// them, and every rule about addresses must look at the unmapped form.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::base {

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(uint32_t host_order);
  static IpAddress v4(std::array<uint8_t, 4> bytes);
  static IpAddress v6(std::array<uint8_t, 16> bytes);
  // Strict: dotted quad without leading zeros, or RFC 4291 text without brackets or zone.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const { return v4_; }
  uint32_t v4_host_order() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }  // an IPv4 address stands in the first four
  IpAddress unmapped() const;                                      // ::ffff:a.b.c.d -> a.b.c.d
  std::string to_string() const;                                   // RFC 5952

  bool operator==(const IpAddress&) const = default;
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
  bool v4_ = true;
};

class Cidr {
 public:
  // "10.0.0.0/8", "fc00::/7" or a bare address; host bits must be zero.
  static std::optional<Cidr> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  const IpAddress& network() const { return network_; }
  int prefix() const { return prefix_; }
  std::string to_string() const;
  bool operator==(const Cidr&) const = default;

 private:
  IpAddress network_;
  int prefix_ = 0;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  // "192.0.2.1:443", "[2001:db8::1]:443"
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace sluice::base
