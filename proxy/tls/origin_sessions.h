#pragma once
// OriginSessions: what origins gave us so that the next connection to the same one is cheap.
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/resumption.h"
#include "proxy/tls/verifier.h"

namespace sluice::tls {

// What must be the same for a session to be used again. A different name at the same address is a different origin, and
// so is the same name under another policy.
struct OriginKey {
  base::Endpoint address;
  std::string server_name;        // as in ConnectParameters
  std::vector<std::string> alpn;  // as offered, in order
  std::string policy;  // whatever else decides if a session may be shared: tenant, how certificates are judged
  bool operator==(const OriginKey&) const = default;
  bool operator<(const OriginKey& other) const {
    return std::tie(address.address, address.port, server_name, alpn, policy) <
           std::tie(other.address.address, other.address.port, other.server_name, other.alpn, other.policy);
  }
};

// Sessions with origins whose certificates had no error at all, with the verdict that they stand for: a resumed
// handshake shows no certificate. Bounded, least recently used origins go first. Belongs to one worker.
class OriginSessions {
 public:
  struct Known {
    Resumption resumption;
    OriginVerdict verdict;  // of the full handshake that began it
  };

  explicit OriginSessions(size_t tickets_max = origin_tickets_max) : tickets_max_(tickets_max) {}

  // Nothing that has lapsed, or was verified under another generation of trust. A TLS 1.3 ticket is given out once.
  std::optional<Known> take(const OriginKey& key, uint64_t trust_generation, base::WallTime now);
  // Keeps them unless the certificate had errors or the origin asked for a client certificate: what a session like that
  // may do depends on more than its key says. `verdict` is of this session's full handshake, also when it resumed.
  void put(const OriginKey& key, std::vector<Resumption> resumptions, const OriginVerdict& verdict,
           bool client_certificate_requested);
  // What an origin refused, or a reload made doubtful.
  void forget(const OriginKey& key);
  void clear();
  size_t size() const { return entries_.size(); }  // origins

 private:
  struct Entry {
    OriginKey key;
    OriginVerdict verdict;
    std::vector<Resumption> resumptions;  // oldest first, never empty
  };
  using Entries = std::list<Entry>;
  void drop(Entries::iterator entry);

  const size_t tickets_max_;
  size_t tickets_ = 0;  // of all entries
  Entries entries_;     // most recently used first
  std::map<OriginKey, Entries::iterator> index_;
};

}  // namespace sluice::tls
