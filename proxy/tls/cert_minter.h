#pragma once
// CertMinter: the certificates that clients see on decrypted connections.
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/tls/issuing_ca.h"
#include "proxy/tls/leaf.h"
#include "proxy/tls/leaf_keys.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/peer_chain.h"

namespace sluice::tls {

enum class LeafKind : uint8_t { kEcdsa, kRsa };

struct MintRequest {
  std::string host;                  // the name (lower case, without trailing dot) or address that the client asked for
  LeafKind kind = LeafKind::kEcdsa;  // kRsa only for clients that cannot verify ECDSA
  std::optional<base::WallTime> not_after;  // of the origin's certificate: the leaf ends no later, unless it has passed
};

// Mints leaves and remembers them, least recently used go first. A leaf names exactly one host, so that no browser
// takes one connection for several hosts; it is valid from two days ago for at most 197 days and never longer than the
// CA. Belongs to one worker. Minting is one signature, some 40 us, done on the spot: nothing needs to wait for
// another's mint of the same host.
class CertMinter {
 public:
  struct Counters {
    uint64_t minted = 0;
    uint64_t reused = 0;
  };

  // `untrusted` signs what is mirrored.
  CertMinter(std::shared_ptr<const IssuingCa> ca, std::shared_ptr<const IssuingCa> untrusted,
             std::shared_ptr<const LeafKeys> keys, size_t cache_bytes_max = minted_bytes_max);
  ~CertMinter();

  // A name that cannot stand in a certificate, or a CA that has expired, is an error.
  base::Result<Leaf> leaf_for(const MintRequest& request, base::WallTime now);
  // Shows the client what is wrong with the origin: its subject, names and validity, signed by the untrusted CA.
  base::Result<Leaf> mirror_of(const PeerChain& origin, LeafKind kind, base::WallTime now);
  // The day's new keys; forgets all leaves.
  void set_keys(std::shared_ptr<const LeafKeys> keys);

  const Counters& counters() const { return counters_; }
  size_t cached() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Leaf leaf;
    size_t bytes;
  };
  struct Templates;
  using Entries = std::list<Entry>;

  const Leaf* find(const std::string& key, std::optional<base::WallTime> not_after, base::WallTime now);
  Leaf remember(std::string key, Leaf leaf);
  void drop(Entries::iterator entry);

  std::shared_ptr<const IssuingCa> ca_;
  std::shared_ptr<const IssuingCa> untrusted_;
  std::shared_ptr<const LeafKeys> keys_;
  const std::unique_ptr<const Templates> templates_;
  const size_t cache_bytes_max_;
  Entries entries_;                                                // most recently used first
  std::unordered_map<std::string_view, Entries::iterator> index_;  // by Entry::key, which stays in its place
  size_t cache_bytes_ = 0;
  Counters counters_;
};

}  // namespace sluice::tls
