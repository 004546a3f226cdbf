#include "events/api/export_format.h"

#include <utility>

namespace sluice::api {

std::optional<ExportFormat> ExportFormat::named(const std::string& name, std::vector<const store::Field*> columns) {
  constexpr std::pair<std::string_view, Kind> kinds[] = {{"ndjson", Kind::kNdjson}, {"json", Kind::kJson},
                                                         {"csv", Kind::kCsv},       {"cef", Kind::kCef},
                                                         {"ecs", Kind::kEcs},       {"ocsf", Kind::kOcsf}};
  for (const auto& [word, kind] : kinds) {
    if (name == word || (name.empty() && kind == Kind::kNdjson)) return ExportFormat(kind, std::move(columns));
  }
  return std::nullopt;
}

std::string ExportFormat::begin() const {
  if (kind_ == Kind::kCsv) return query::csv_header(columns_) + "\r\n";
  return kind_ == Kind::kJson ? "[" : "";
}

std::string ExportFormat::record(const events::v1::Record& record, bool first) const {
  switch (kind_) {
    case Kind::kJson: return (first ? "" : ",\n ") + query::to_json(record);
    case Kind::kNdjson: return query::to_json(record) + '\n';
    case Kind::kCsv: return query::to_csv(record, columns_) + "\r\n";
    case Kind::kCef: return query::to_cef(record) + '\n';
    case Kind::kEcs: return query::to_ecs(record) + '\n';
    case Kind::kOcsf: return query::to_ocsf(record) + '\n';
  }
  return {};
}

std::string ExportFormat::end() const {
  return kind_ == Kind::kJson ? "]\n" : "";
}

const char* ExportFormat::content_type() const {
  switch (kind_) {
    case Kind::kJson: return "application/json; charset=utf-8";
    case Kind::kCsv: return "text/csv; charset=utf-8";
    case Kind::kCef: return "text/plain; charset=utf-8";
    case Kind::kNdjson:
    case Kind::kEcs:
    case Kind::kOcsf: break;
  }
  return "application/x-ndjson; charset=utf-8";
}

const char* ExportFormat::suffix() const {
  switch (kind_) {
    case Kind::kJson: return ".json";
    case Kind::kCsv: return ".csv";
    case Kind::kCef: return ".cef";
    case Kind::kNdjson:
    case Kind::kEcs:
    case Kind::kOcsf: break;
  }
  return ".ndjson";
}

}  // namespace sluice::api
