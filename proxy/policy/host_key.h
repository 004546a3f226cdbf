#pragma once
// A host prepared for lookups: each of its suffixes on label borders with a hash.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/policy/limits.h"

namespace sluice::policy {

// Hash of a name; of `b.example` and of the suffix of `a.b.example` it is the same. Keyed per process, so that nobody
// outside can construct names that collide.
uint64_t hash_of_name(std::string_view name);

// Borrows the host; lives for one decision. A host that is no name (longer than a name may be) has no suffixes.
class HostKey {
 public:
  HostKey() = default;
  // `whole`: only the whole text counts, as for addresses.
  HostKey(std::string_view host, bool whole);

  std::string_view host() const { return host_; }
  // Suffix 0 is the last label, suffix count() - 1 the whole host.
  size_t count() const { return count_; }
  std::string_view suffix(size_t i) const { return host_.substr(start_[i]); }
  uint64_t hash(size_t i) const { return hash_[i]; }

 private:
  std::string_view host_;
  size_t count_ = 0;
  std::array<uint8_t, labels_max + 1> start_;  // NOLINT: only the first count_ are used
  std::array<uint64_t, labels_max + 1> hash_;  // NOLINT: likewise
};

}  // namespace sluice::policy
