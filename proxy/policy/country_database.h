#pragma once
// The country of an address, from a MaxMind DB file. The only user of libmaxminddb.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::policy {

// ISO 3166-1 alpha-2, or empty.
class Country {
 public:
  Country() = default;
  explicit Country(std::string_view code);
  std::string_view text() const { return {code_.data(), size_}; }

 private:
  std::array<char, 2> code_{};
  size_t size_ = 0;
};

// The file stays mapped. Immutable; shared between threads.
class CountryDatabase {
 public:
  static base::Result<std::shared_ptr<const CountryDatabase>> open(const std::string& file);
  ~CountryDatabase();

  // Empty when the file knows none.
  Country find(const base::IpAddress& address) const;

 private:
  struct Map;
  explicit CountryDatabase(std::unique_ptr<Map> map);
  std::unique_ptr<Map> map_;
};

}  // namespace sluice::policy
