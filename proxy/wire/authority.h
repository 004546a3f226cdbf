#pragma once
// Hosts and authorities as a proxy receives them: CONNECT targets, absolute-form URIs, SOCKS names, SNI.
// Strict on purpose: a text that two programs could read as two different hosts is refused, because the name that
// policy matches and the name that is dialled must be the same.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::wire {

enum class AuthorityError : uint8_t {
  kEmptyHost,
  kHostTooLong,        // over 253 bytes
  kBadLabel,           // an empty label or one over 63 bytes
  kBadCharacter,       // outside letters, digits, hyphen and underscore; user info and paths end here too
  kNonAscii,           // names travel as A-labels
  kBadNumericAddress,  // looks like an IPv4 address but is not a strict dotted quad: 127.1, 0x7f000001,
                       // 0177.0.0.1, 1.2.3.4.
  kBadAddress,         // brackets without an IPv6 address in them, or IPv6 without brackets before a port
  kMissingPort,
  kBadPort,  // not a decimal number from 1 to 65535 without leading zeros
};
// One short clause for a person, a static string.
const char* describe(AuthorityError error);

struct Host {
  std::string
      name;  // lower-case A-labels without the trailing dot, or the canonical text of `address` without brackets
  std::optional<base::IpAddress> address;  // set when the host is an address and not a name
  bool operator==(const Host&) const = default;
};

struct Authority {
  std::string host;  // as Host::name
  std::optional<base::IpAddress> address;
  uint16_t port = 0;
  std::string to_string() const;  // "example.com:443", "[2001:db8::1]:443"
  bool operator==(const Authority&) const = default;
};

// "host:port" with IPv6 in brackets. Without a default the port is required, as in CONNECT.
base::Result<Authority, AuthorityError> parse_authority(std::string_view text,
                                                        std::optional<uint16_t> default_port = std::nullopt);

// A host standing alone, as in SOCKS and SNI; IPv6 with or without brackets (Chromium sends SOCKS names without).
base::Result<Host, AuthorityError> parse_host(std::string_view text);

// Why `parse_host` would refuse the text, without building anything.
std::optional<AuthorityError> check_host(std::string_view text);

}  // namespace sluice::wire
