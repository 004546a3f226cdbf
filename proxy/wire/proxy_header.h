#pragma once
// The PROXY protocol, version 2: what a load balancer in front of us says about the connection that it passes on
// (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, section 2.2). Version 1 is text and is refused.
//
//   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a   signature
//   21        version 2, command PROXY (20: LOCAL, a health check of the balancer itself)
//   11        TCP over IPv4 (21: over IPv6; 00: unknown)
//   00 0c     length of the rest: addresses, then TLVs
//   c0 00 02 09   c6 33 64 01   source 192.0.2.9, destination 198.51.100.1
//   c7 38   01 bb               source port 51000, destination port 443
#include <optional>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"
#include "proxy/wire/parse.h"

namespace sluice::wire {

enum class ProxyHeaderError : uint8_t {
  kNoSignature,
  kVersion1,
  kBadVersion,   // not 2
  kBadCommand,   // neither LOCAL nor PROXY
  kBadFamily,    // datagrams, UNIX sockets: nothing that reaches us
  kBadLength,    // too short for its addresses, or over proxy_header_bytes_max
  kBadTlv,       // does not fill its space
  kBadChecksum,  // a CRC32C that is not ours
};
const char* describe(ProxyHeaderError error);

struct ProxyHeader {
  struct Addresses {
    base::Endpoint source;
    base::Endpoint destination;
  };
  std::optional<Addresses> addresses;  // absent: LOCAL or unknown; the connection's own count
};

// `held`: everything received so far.
Parse<ProxyHeader, ProxyHeaderError> parse_proxy_header(base::ByteView held);

// How many bytes may be read now without taking one from behind the header, where `held` is not whole and not invalid.
size_t proxy_header_missing(base::ByteView held);

}  // namespace sluice::wire
