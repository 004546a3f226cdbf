#pragma once
// The formats of exports: what stands at the beginning, for each record, and at the end.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/query/export.h"

namespace sluice::api {

class ExportFormat {
 public:
  // Nothing if there is no such format. `columns` are fields of the catalogue, for CSV.
  static std::optional<ExportFormat> named(const std::string& name, std::vector<const store::Field*> columns);

  std::string begin() const;
  std::string record(const events::v1::Record& record, bool first) const;
  std::string end() const;
  const char* content_type() const;
  const char* suffix() const;

 private:
  enum class Kind : uint8_t { kJson, kNdjson, kCsv, kCef, kEcs, kOcsf };
  ExportFormat(Kind kind, std::vector<const store::Field*> columns) : kind_(kind), columns_(std::move(columns)) {}

  Kind kind_;
  std::vector<const store::Field*> columns_;
};

}  // namespace sluice::api
