#pragma once
// The server's side of SOCKS 5 (RFC 1928) with user and password (RFC 1929). CONNECT only.
#include <cstdint>
#include <string>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/parse.h"

namespace sluice::wire {

// Every message is at most 513 bytes long, so each call reads from its first byte again; `held` begins with the
// message.

enum class SocksError : uint8_t {
  kBadVersion,
  kNoMethods,         // greeting without a method
  kEmptyCredentials,  // RFC 1929: user and password have 1 to 255 bytes
  kBadReserved,
  kBadAddressType,
  kBadHost,             // parse_host refuses the name
  kBadPort,             // port 0
  kCommandNotSupported  // BIND and UDP ASSOCIATE; said once the whole request is there
};
const char* describe(SocksError error);

enum class SocksMethod : uint8_t { kNone = 0x00, kUserPassword = 0x02, kNoneAcceptable = 0xff };

struct SocksGreeting {
  bool offers_none = false;
  bool offers_user_password = false;
  bool operator==(const SocksGreeting&) const = default;
};
Parse<SocksGreeting, SocksError> parse_socks_greeting(base::ByteView held);

// A secret: does not print, is not logged.
struct SocksCredentials {
  std::string user;
  std::string password;
};
Parse<SocksCredentials, SocksError> parse_socks_credentials(base::ByteView held);

// The destination of a CONNECT request.
Parse<Authority, SocksError> parse_socks_request(base::ByteView held);

enum class SocksReply : uint8_t {
  kSucceeded = 0,
  kGeneralFailure = 1,
  kNotAllowed = 2,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kConnectionRefused = 5,
  kTtlExpired = 6,
  kCommandNotSupported = 7,
  kAddressTypeNotSupported = 8,
};
// The reply that answers a request refused by parse_socks_request.
SocksReply reply_for(SocksError error);

std::string socks_method_reply(SocksMethod method);
std::string socks_credentials_reply(bool accepted);
// `bound`: the local address of the connection to the origin; 0.0.0.0:0 in failures.
std::string socks_reply(SocksReply reply, const base::Endpoint& bound = {});

}  // namespace sluice::wire
