#pragma once
// Data that ships inside the program (proxy/policy/data); the build makes data.cc of the files.
#include <string_view>

namespace sluice::policy {

extern const std::string_view catalogue_textproto;  // apps.textproto
extern const std::string_view seed_categories;      // categories.csv

}  // namespace sluice::policy
