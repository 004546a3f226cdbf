#pragma once
// What is known about a flow or a request when policy is asked. Views, borrowed for the call.
#include <cstdint>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"

namespace sluice::policy {

// A rule that needs a fact which is not known yet is undecided. One that will never be known matches nothing, not even
// a `not_` kind.
enum class Knowledge : uint8_t { kNotYet, kNever, kKnown };

template <class T>
struct Fact {
  Knowledge knowledge = Knowledge::kNotYet;
  T value{};

  static Fact of(T known) { return {Knowledge::kKnown, known}; }
  static Fact never() { return {Knowledge::kNever, T{}}; }
  bool known() const { return knowledge == Knowledge::kKnown; }
};

// Numbers of sluice.config.v1.Platform.
enum class Platform : uint8_t { kUnknown = 0, kWindows = 1, kMacos = 2, kLinux = 3 };

struct Process {
  std::string_view name;    // base name of the executable
  std::string_view path;    // "" when not known
  std::string_view sha256;  // 64 lower-case hex digits, "" when not known
  Platform platform = Platform::kUnknown;
};

// An HTTP request, of plain HTTP or after decryption.
struct Request {
  std::string_view method;
  std::string_view path;  // as normalised_path() makes it, query included
  std::string_view content_type;
};

enum class Protocol : uint8_t { kNotYet, kTls, kHttp, kOther };  // kOther: not TLS and not HTTP, or the origin speaks
enum class Transport : uint8_t { kTcp, kUdp };

struct Facts {
  base::WallTime now{};
  // False for explicit and transparent proxying: exceptions for pinned apps then match on the name alone.
  bool has_client = false;
  Fact<Process> process = Fact<Process>::never();
  Fact<std::string_view> user = Fact<std::string_view>::never();
  base::IpAddress source;
  // Lower-case A-labels without trailing dot. Where a flow names no host, its address in canonical text. Where the
  // authority is an address and the SNI has not been read: not yet.
  Fact<std::string_view> host;
  Fact<base::IpAddress> address;  // dialled, or about to be
  uint16_t port = 0;
  Transport transport = Transport::kTcp;
  Protocol protocol = Protocol::kNotYet;
  bool has_ech = false;  // the ClientHello carries an encrypted inner one
  Fact<Request> request;
  // False where this PoP cannot intercept: requests will then never be known.
  bool can_intercept = true;
};

}  // namespace sluice::policy
