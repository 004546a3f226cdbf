#pragma once
// What all workers of a PoP share. Everything here is atomic or has its own short lock.
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "proxy/base/ip.h"
#include "proxy/pop/flow_notices.h"

namespace sluice::pop {

// Open flows per source address, for the process. Only used when a limit is configured.
class SourceCounts {
 public:
  bool take(const base::IpAddress& source, uint32_t max) {
    Shard& shard = shard_of(source);
    std::lock_guard lock(shard.mutex);
    uint32_t& count = shard.counts[source];
    if (count >= max) return false;
    ++count;
    return true;
  }
  void release(const base::IpAddress& source) {
    Shard& shard = shard_of(source);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.counts.find(source);
    if (found != shard.counts.end() && --found->second == 0) shard.counts.erase(found);
  }

 private:
  struct Hash {
    size_t operator()(const base::IpAddress& address) const {
      size_t hash = 14695981039346656037u;  // FNV-1a
      for (const uint8_t byte : address.bytes()) hash = (hash ^ byte) * 1099511628211u;
      return hash;
    }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<base::IpAddress, uint32_t, Hash> counts;
  };
  Shard& shard_of(const base::IpAddress& source) { return shards_[Hash{}(source) % shards_.size()]; }

  std::array<Shard, 64> shards_;
};

struct Shared {
  std::atomic<uint32_t> open_flows{0};
  std::atomic<bool> draining{false};
  SourceCounts sources;
  FlowNotices notices;
};

}  // namespace sluice::pop
