#pragma once
// Which categories a domain has, for millions of domains in compact memory (8 bytes for each, at load factor one half).
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/policy/host_key.h"

namespace sluice::policy {

// Domains are kept as hashes of 64 bits, keyed per process, so a foreign name takes another's categories with a
// probability of about one in 2^40 for a full table. Immutable after load; shared between threads.
class CategoryDatabase {
 public:
  // A folder with CATEGORY/domains files (the layout of the UT1 lists), or a file of lines `domain,category`. Blank
  // lines and those that begin with `#` are skipped; lines that hold no domain are counted. The built-in set is added
  // for domains that the files do not have.
  static base::Result<std::shared_ptr<const CategoryDatabase>> load(const std::string& path);
  // The small set that ships with the product.
  static std::shared_ptr<const CategoryDatabase> built_in();

  const std::vector<std::string>& names() const { return names_; }
  size_t domains() const { return used_; }
  size_t skipped() const { return skipped_; }
  size_t memory_bytes() const { return slots_.size() * sizeof(uint64_t); }

  // Numbers (places in names()) of the longest suffix of the host that stands in the database.
  std::span<const uint16_t> find(const HostKey& host) const;

 private:
  class Builder;
  CategoryDatabase() = default;

  std::vector<std::string> names_;
  std::vector<uint64_t> slots_;              // 48 bits of the hash, 16 bits of the set; 0 = free
  std::vector<std::vector<uint16_t>> sets_;  // set 0 is not used
  size_t used_ = 0;
  size_t skipped_ = 0;
};

}  // namespace sluice::policy
