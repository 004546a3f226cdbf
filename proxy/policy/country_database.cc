#include "proxy/policy/country_database.h"

#include <maxminddb.h>
#include <netinet/in.h>

#include <cstring>

#include "proxy/base/text.h"

namespace sluice::policy {

struct CountryDatabase::Map {
  MMDB_s mmdb{};
  bool is_open = false;
  Map() = default;
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  ~Map() {
    if (is_open) MMDB_close(&mmdb);
  }
};

Country::Country(std::string_view code) : size_(code.size() == 2 ? 2 : 0) {
  if (size_ == 2) code_ = {code[0], code[1]};
}

CountryDatabase::CountryDatabase(std::unique_ptr<Map> map) : map_(std::move(map)) {}
CountryDatabase::~CountryDatabase() = default;

base::Result<std::shared_ptr<const CountryDatabase>> CountryDatabase::open(const std::string& file) {
  auto map = std::make_unique<Map>();
  const int status = MMDB_open(file.c_str(), MMDB_MODE_MMAP, &map->mmdb);
  if (status != MMDB_SUCCESS) return base::Error{"cannot read " + file + ": " + MMDB_strerror(status)};
  map->is_open = true;
  return std::shared_ptr<const CountryDatabase>(new CountryDatabase(std::move(map)));
}

Country CountryDatabase::find(const base::IpAddress& address) const {
  const base::IpAddress plain = address.unmapped();
  sockaddr_storage storage{};
  if (plain.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, plain.bytes().data(), 4);
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, plain.bytes().data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
  }
  int error = 0;
  MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&map_->mmdb, reinterpret_cast<const sockaddr*>(&storage), &error);
  if (error != MMDB_SUCCESS || !found.found_entry) return Country();
  // The array form of the look-up; the variadic one allocates.
  static const char* const path[] = {"country", "iso_code", nullptr};
  MMDB_entry_data_s data{};
  if (MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
      data.type != MMDB_DATA_TYPE_UTF8_STRING) {
    return Country();
  }
  return Country({data.utf8_string, data.data_size});
}

}  // namespace sluice::policy
