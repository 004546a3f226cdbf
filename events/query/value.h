#pragma once
// One value of a comparison: from the text a person wrote to what the field compares with, and back.
#include <cstdint>
#include <string>
#include <string_view>

#include "events/store/filter.h"
#include "proxy/base/result.h"

namespace sluice::query {

// The error says what would be right. A network is a value for kIn only.
base::Result<store::Value> parse_value(const store::Field& field, store::Operator op, std::string_view text,
                                       int64_t now_ms);

// As the canonical query writes it: words bare, text and times quoted.
std::string print_value(const store::Field& field, const store::Value& value);

// "is a number", "is yes or no"; and the operators that fit the type: "use = != < ...".
std::string describe(store::FieldType type);
std::string operators_of(store::FieldType type);

}  // namespace sluice::query
