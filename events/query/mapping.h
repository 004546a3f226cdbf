#pragma once
// Mapping: reads the fields of one record by name while an exporter places them in another schema, and knows which are
// left. Borrows the record; one exporter call long.
#include <string>
#include <string_view>
#include <vector>

#include "events/query/json_writer.h"
#include "events/store/field.h"

namespace sluice::query {

class Mapping {
 public:
  explicit Mapping(const events::v1::Record& record) : record_(record), placed_(store::fields().size()) {}

  std::string text(std::string_view name) { return place(name).text(record_); }
  std::vector<std::string> texts(std::string_view name) { return place(name).texts(record_); }
  int64_t number(std::string_view name) { return place(name).number(record_); }
  // "2026-01-31T10:00:00.123Z", or "" for zero.
  std::string time(std::string_view name);

  // Every field that is not empty and was not asked for, as text; lists as arrays.
  void rest(JsonWriter& json) const;

 private:
  const store::Field& place(std::string_view name);

  const events::v1::Record& record_;
  std::vector<bool> placed_;
};

}  // namespace sluice::query
