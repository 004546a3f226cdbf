// Flat JSON and CSV.
#include <algorithm>
#include <array>

#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::query {

using events::v1::Record;
using store::Field;
using store::FieldType;

namespace {
constexpr int64_t ms_per_second = 1'000;

// Numbers whose zero means "none"; the others are counters, where zero is a count.
bool zero_means_none(std::string_view name) {
  constexpr std::array names{"process_pid", "srcport", "dstport", "status", "tls_alert"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

void write_field(JsonWriter& json, const Field& field, const Record& record) {
  switch (field.type()) {
    case FieldType::kText:
    case FieldType::kAddress:
    case FieldType::kEnum:
    case FieldType::kBool: json.text(field.name(), field.text(record)); break;
    case FieldType::kTextList: json.texts(field.name(), field.texts(record)); break;
    case FieldType::kTime: json.positive(field.name(), field.number(record)); break;
    case FieldType::kNumber:
      if (zero_means_none(field.name())) {
        json.positive(field.name(), field.number(record));
      } else {
        json.number(field.name(), field.number(record));
      }
      break;
  }
}

// What a spreadsheet runs as a formula when a cell begins with it.
bool looks_like_formula(std::string_view text) {
  return !text.empty() && std::string_view("=+-@\t\r\n").find(text[0]) != std::string_view::npos;
}

void append_csv(std::string& line, std::string text, bool guard) {
  text = valid_utf8(text);
  const bool disarm = guard && looks_like_formula(text);
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    if (disarm) line += '\'';
    line += text;
    return;
  }
  line += disarm ? "\"'" : "\"";
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

template <class Write>
std::string csv_line(const std::vector<const Field*>& columns, Write write) {
  std::string line;
  bool first = true;
  const auto add = [&](const Field& field) {
    if (!first) line += ',';
    first = false;
    write(line, field);
  };
  for (const Field* field : columns) add(*field);
  if (columns.empty()) {
    for (const Field& field : store::fields()) add(field);
  }
  return line;
}
}  // namespace

std::string to_json(const Record& record) {
  const Field& timestamp = store::field("timestamp");
  const int64_t start_ms = timestamp.number(record);
  JsonWriter json;
  json.text("_id", store::field("event_id").text(record));
  json.text("record_type", store::field("record_type").text(record));
  json.number("timestamp", start_ms / ms_per_second);
  json.number("timestamp_ms", start_ms);
  for (const Field& field : store::fields()) {
    if (field.carried_by(record.record_case()) && field.name() != "record_type" && &field != &timestamp)
      write_field(json, field, record);
  }
  json.text("dsthost", store::field("host").text(record));
  json.positive("insertion_epoch_timestamp", store::field("ingested_time").number(record) / ms_per_second);
  return json.take();
}

std::string csv_header(const std::vector<const Field*>& columns) {
  return csv_line(columns, [](std::string& line, const Field& field) { line += field.name(); });
}

std::string to_csv(const Record& record, const std::vector<const Field*>& columns) {
  return csv_line(columns, [&](std::string& line, const Field& field) {
    const bool number = field.type() == FieldType::kNumber || field.type() == FieldType::kTime;
    append_csv(line, field.carried_by(record.record_case()) ? field.text(record) : "", !number);
  });
}

}  // namespace sluice::query
