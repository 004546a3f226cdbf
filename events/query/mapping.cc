#include "events/query/mapping.h"

#include "events/query/time_text.h"

namespace sluice::query {

const store::Field& Mapping::place(std::string_view name) {
  const store::Field& field = store::field(name);
  placed_[static_cast<size_t>(&field - store::fields().data())] = true;
  return field;
}

std::string Mapping::time(std::string_view name) {
  const int64_t ms = number(name);
  return ms == 0 ? std::string() : format_time(ms);
}

void Mapping::rest(JsonWriter& json) const {
  for (size_t i = 0; i < placed_.size(); ++i) {
    const store::Field& field = store::fields()[i];
    if (placed_[i] || field.empty(record_)) continue;
    if (field.type() == store::FieldType::kTextList) {
      json.texts(field.name(), field.texts(record_));
    } else {
      json.text(field.name(), field.text(record_));
    }
  }
}

}  // namespace sluice::query
