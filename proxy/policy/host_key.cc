#include "proxy/policy/host_key.h"

#include "proxy/base/text.h"

namespace sluice::policy {

namespace {

constexpr uint64_t multiplier = 0x9e3779b97f4a7c15;

uint64_t seed() {
  static const uint64_t value = base::random_u64();
  return value;
}

uint64_t step(uint64_t hash, char c) {
  hash = (hash ^ static_cast<uint8_t>(c)) * multiplier;
  return hash ^ (hash >> 32);
}

uint64_t finished(uint64_t hash) {
  hash *= multiplier;
  return hash ^ (hash >> 29);
}

}  // namespace

// From the last byte to the first, so that the hash of every suffix comes out on the way.
uint64_t hash_of_name(std::string_view name) {
  uint64_t hash = seed();
  for (size_t i = name.size(); i-- > 0;) hash = step(hash, name[i]);
  return finished(hash);
}

HostKey::HostKey(std::string_view host, bool whole) : host_(host) {
  if (host.empty() || host.size() > host_bytes_max) return;
  uint64_t hash = seed();
  for (size_t i = host.size(); i-- > 0;) {
    if (host[i] == '.' && !whole && count_ < labels_max) {
      start_[count_] = static_cast<uint8_t>(i + 1);
      hash_[count_++] = finished(hash);
    }
    hash = step(hash, host[i]);
  }
  start_[count_] = 0;
  hash_[count_++] = finished(hash);
}

}  // namespace sluice::policy
