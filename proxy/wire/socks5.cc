#include "proxy/wire/socks5.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "proxy/base/byte_reader.h"

namespace sluice::wire {

namespace {

using base::ByteReader;
using base::ByteView;

constexpr uint8_t socks_version = 5;
constexpr uint8_t credentials_version = 1;
constexpr uint8_t command_connect = 1;

enum AddressType : uint8_t { kV4 = 1, kDomain = 3, kV6 = 4 };

template <size_t N>
std::array<uint8_t, N> to_array(ByteView bytes) {
  std::array<uint8_t, N> array{};
  std::copy_n(bytes.begin(), N, array.begin());
  return array;
}

// The bytes of the address or name; nothing: not all there yet.
std::optional<ByteView> read_address(ByteReader& in, uint8_t type) {
  switch (type) {
    case kV4: return in.bytes(4);
    case kV6: return in.bytes(16);
    default: return in.prefixed(1);
  }
}

base::Result<Authority, SocksError> to_authority(uint8_t type, ByteView address, uint16_t port) {
  if (port == 0) return SocksError::kBadPort;
  if (type == kDomain) {
    auto host = parse_host(base::as_text(address));
    if (!host) return SocksError::kBadHost;
    return Authority{std::move(host->name), host->address, port};
  }
  const auto ip = type == kV4 ? base::IpAddress::v4(to_array<4>(address)) : base::IpAddress::v6(to_array<16>(address));
  return Authority{ip.to_string(), ip, port};
}

std::string to_text(std::initializer_list<uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

const char* describe(SocksError error) {
  switch (error) {
    case SocksError::kBadVersion: return "the SOCKS version is not the expected one";
    case SocksError::kNoMethods: return "the SOCKS greeting offers no method";
    case SocksError::kEmptyCredentials: return "the SOCKS user or password is empty";
    case SocksError::kBadReserved: return "the reserved byte of the SOCKS request is not zero";
    case SocksError::kBadAddressType: return "the address type of the SOCKS request is unknown";
    case SocksError::kBadHost: return "the name in the SOCKS request is no valid host";
    case SocksError::kBadPort: return "the port in the SOCKS request is zero";
    case SocksError::kCommandNotSupported: return "the SOCKS command is not CONNECT";
  }
  return "";
}

Parse<SocksGreeting, SocksError> parse_socks_greeting(ByteView held) {
  using Greeting = Parse<SocksGreeting, SocksError>;
  ByteReader in(held);
  const auto version = in.u8();
  if (version && *version != socks_version) return Greeting::invalid(SocksError::kBadVersion);
  if (held.size() >= 2 && held[1] == 0) return Greeting::invalid(SocksError::kNoMethods);
  const auto methods = in.prefixed(1);
  if (!version || !methods) return Greeting::need_more();
  const auto offers = [&](SocksMethod method) {
    return std::find(methods->begin(), methods->end(), static_cast<uint8_t>(method)) != methods->end();
  };
  return Greeting::complete({offers(SocksMethod::kNone), offers(SocksMethod::kUserPassword)}, in.position());
}

Parse<SocksCredentials, SocksError> parse_socks_credentials(ByteView held) {
  using Credentials = Parse<SocksCredentials, SocksError>;
  ByteReader in(held);
  const auto version = in.u8();
  if (!version) return Credentials::need_more();
  if (*version != credentials_version) return Credentials::invalid(SocksError::kBadVersion);
  const auto user = in.prefixed(1);
  if (!user) return Credentials::need_more();
  if (user->empty()) return Credentials::invalid(SocksError::kEmptyCredentials);
  const auto password = in.prefixed(1);
  if (!password) return Credentials::need_more();
  if (password->empty()) return Credentials::invalid(SocksError::kEmptyCredentials);
  return Credentials::complete({std::string(base::as_text(*user)), std::string(base::as_text(*password))},
                               in.position());
}

Parse<Authority, SocksError> parse_socks_request(ByteView held) {
  using Request = Parse<Authority, SocksError>;
  ByteReader in(held);
  const auto version = in.u8();
  const auto command = in.u8();
  const auto reserved = in.u8();
  const auto type = in.u8();
  if (version && *version != socks_version) return Request::invalid(SocksError::kBadVersion);
  if (reserved && *reserved != 0) return Request::invalid(SocksError::kBadReserved);
  if (type && *type != kV4 && *type != kDomain && *type != kV6) return Request::invalid(SocksError::kBadAddressType);
  if (!type) return Request::need_more();
  const auto address = read_address(in, *type);
  const auto port = address ? in.u16() : std::nullopt;
  if (!port) return Request::need_more();
  if (*command != command_connect) return Request::invalid(SocksError::kCommandNotSupported);
  auto authority = to_authority(*type, *address, *port);
  if (!authority) return Request::invalid(authority.error());
  return Request::complete(std::move(*authority), in.position());
}

SocksReply reply_for(SocksError error) {
  switch (error) {
    case SocksError::kBadAddressType: return SocksReply::kAddressTypeNotSupported;
    case SocksError::kCommandNotSupported: return SocksReply::kCommandNotSupported;
    case SocksError::kBadVersion:
    case SocksError::kNoMethods:
    case SocksError::kEmptyCredentials:
    case SocksError::kBadReserved:
    case SocksError::kBadHost:
    case SocksError::kBadPort: return SocksReply::kGeneralFailure;
  }
  return SocksReply::kGeneralFailure;
}

std::string socks_method_reply(SocksMethod method) {
  return to_text({socks_version, static_cast<uint8_t>(method)});
}

std::string socks_credentials_reply(bool accepted) {
  return to_text({credentials_version, static_cast<uint8_t>(accepted ? 0 : 1)});
}

std::string socks_reply(SocksReply reply, const base::Endpoint& bound) {
  const bool v4 = bound.address.is_v4();
  std::string out = to_text({socks_version, static_cast<uint8_t>(reply), 0, v4 ? kV4 : kV6});
  out.append(base::as_text(base::ByteView(bound.address.bytes()).first(v4 ? 4 : 16)));
  out += static_cast<char>(bound.port >> 8);
  out += static_cast<char>(bound.port & 0xff);
  return out;
}

}  // namespace sluice::wire
