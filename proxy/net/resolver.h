#pragma once
// Resolver: names to addresses through c-ares, one per loop, with a cache by TTL. IPv4 and IPv6 are asked for
// separately, because an AF_UNSPEC answer comes only when both are there (RFC 8305 section 3 races them).
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/net/loop.h"

namespace sluice::net {

enum class Family : uint8_t { kV4, kV6 };

enum class ResolveError : uint8_t {
  kNone,
  kNotFound,  // NXDOMAIN, or no address of this family
  kTimeout,
  kFailed,  // servers refuse, answer nonsense, or cannot be reached
};

struct ResolveAnswer {
  Family family = Family::kV4;
  ResolveError error = ResolveError::kNone;
  std::vector<base::IpAddress> addresses;  // at most dns_addresses_max; not empty unless error
};

class ResolveHandler {
 public:
  // Once per resolve(), possibly from inside it when the cache knows. The handler may be destroyed from here.
  virtual void on_resolved(const ResolveAnswer& answer) = 0;

 protected:
  virtual ~ResolveHandler() = default;
};

class Resolver {
 public:
  // `servers`: "192.0.2.1:53" or empty for the system's.
  static base::Result<std::unique_ptr<Resolver>> create(Loop& loop, const std::vector<std::string>& servers);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void resolve(std::string_view name, Family family, ResolveHandler& handler);
  // No more calls to `handler`; answers on their way still fill the cache.
  void cancel(ResolveHandler& handler);

 private:
  struct Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
