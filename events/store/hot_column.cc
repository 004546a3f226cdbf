#include "events/store/hot_column.h"

#include <algorithm>
#include <limits>

#include "events/store/sqlite_db.h"
#include "proxy/base/text.h"

namespace sluice::store {
namespace {

using events::v1::PageEvent;
using events::v1::Record;

constexpr std::string_view number = "INTEGER NOT NULL";
constexpr std::string_view word = "TEXT NOT NULL COLLATE NOCASE";
constexpr std::string_view bytes = "BLOB NOT NULL";

// The order of bind_page_event() and of this list is the same; a unit test compares both with Field::column().
const std::vector<HotColumn> columns = {
    {"record_type", number},
    {"primary", number},
    {"state", number},
    {"action", number},
    {"bypass_traffic", number},
    {"timestamp", number},
    {"ingested_time", number},
    {"end_time", number},
    {"type", number},
    {"origin", number},
    {"bypass_layer", number},
    {"bypass_mode", number},
    {"bypass_reason_code", number},
    {"policy_kind", number},
    {"close_reason", number},
    {"status", number},
    {"dstport", number},
    {"client_bytes", number},
    {"server_bytes", number},
    {"numbytes", number},
    {"srcip", bytes},
    {"dstip", bytes},
    {"user", word},
    {"host", word},
    {"app", word},
    {"domain", word},
    {"category", word},
    {"policy", word},
    {"process_name", word},
    {"device_id", word},
    {"sni", word},
    {"observed_by", word},
    {"event_id", word},
};

// Binds one column after the other. Lives for one row.
class Binder {
 public:
  Binder(Statement& statement, int first) : statement_(statement), at_(first) {}

  void integer(int64_t value) { statement_.bind(at_++, value); }
  void integer(uint64_t value) {
    constexpr auto top = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    integer(static_cast<int64_t>(std::min(value, top)));
  }
  void integer(uint32_t value) { integer(int64_t{value}); }
  void integer(int value) { integer(int64_t{value}); }
  void integer(bool value) { integer(int64_t{value ? 1 : 0}); }

  void text(std::string_view value) {
    if (value.find('\0') == std::string_view::npos) {
      statement_.bind(at_++, value);
      return;
    }
    std::string clean(value);  // as Field::text()
    std::replace(clean.begin(), clean.end(), '\0', ' ');
    statement_.bind_copy(at_++, clean);
  }

  void address(std::string_view value) {
    const auto parsed = value.empty() ? std::nullopt : address_bytes(value);
    const std::string_view raw =
        parsed ? std::string_view(reinterpret_cast<const char*>(parsed->data()), parsed->size()) : std::string_view();
    statement_.bind_blob_copy(at_++, raw);
  }

 private:
  Statement& statement_;
  int at_;
};

void bind_page_event(Binder& to, const PageEvent& event, std::string_view observed_by, int64_t timestamp,
                     int64_t ingested_time, int record_type) {
  to.integer(record_type);
  to.integer(event.primary());
  to.integer(event.state());
  to.integer(event.action());
  to.integer(event.bypass_traffic());
  to.integer(timestamp);
  to.integer(ingested_time);
  to.integer(event.end_time());
  to.integer(event.type());
  to.integer(event.origin());
  to.integer(event.bypass_layer());
  to.integer(event.bypass_mode());
  to.integer(event.bypass_reason_code());
  to.integer(event.policy_kind());
  to.integer(event.close_reason());
  to.integer(event.status());
  to.integer(event.dstport());
  to.integer(event.client_bytes());
  to.integer(event.server_bytes());
  to.integer(event.numbytes());
  to.address(event.srcip());
  to.address(event.dstip());
  to.text(event.user());
  to.text(event.host());
  to.text(event.app());
  to.text(event.domain());
  to.text(event.category());
  to.text(event.policy());
  to.text(event.process_name());
  to.text(event.device_id());
  to.text(event.sni());
  to.text(observed_by);
  to.text(event.event_id());
}

std::string joined(auto piece) {
  std::string text;
  for (const HotColumn& column : columns) {
    if (!text.empty()) text += ", ";
    text += piece(column);
  }
  return text;
}

std::string_view observed_by(const Record& record) {
  switch (record.record_case()) {
    case Record::kPageEvent: return record.page_event().observed_by();
    case Record::kGap: return record.gap().observed_by();
    case Record::kAudit: return record.audit().observed_by();
    case Record::kNotice: return record.notice().observed_by();
    case Record::RECORD_NOT_SET: break;
  }
  return {};
}
}  // namespace

const std::vector<HotColumn>& hot_columns() {
  return columns;
}

bool is_hot_column(const Field& field) {
  return std::any_of(columns.begin(), columns.end(), [&](const HotColumn& c) { return c.name == field.name(); });
}

const std::string& hot_column_names() {
  static const std::string text = joined([](const HotColumn& c) { return '"' + std::string(c.name) + '"'; });
  return text;
}

const std::string& hot_column_definitions() {
  static const std::string text =
      joined([](const HotColumn& c) { return '"' + std::string(c.name) + "\" " + std::string(c.sql_type); });
  return text;
}

const std::string& hot_column_marks() {
  static const std::string text = joined([](const HotColumn&) { return std::string("?"); });
  return text;
}

std::string record_id(uint64_t producer_id, uint64_t sequence) {
  return base::hex16(producer_id) + "-s" + std::to_string(sequence);
}

int64_t record_timestamp(const Record& record) {
  switch (record.record_case()) {
    case Record::kPageEvent: return record.page_event().timestamp();
    case Record::kGap: return record.gap().timestamp();
    case Record::kAudit: return record.audit().timestamp();
    case Record::kNotice: return record.notice().timestamp();
    case Record::RECORD_NOT_SET: break;
  }
  return 0;
}

void bind_values(Statement& statement, int first, const std::vector<ColumnValue>& values) {
  for (const ColumnValue& value : values) {
    if (const auto* number = std::get_if<int64_t>(&value)) statement.bind(first, *number);
    if (const auto* text = std::get_if<std::string>(&value)) statement.bind(first, std::string_view(*text));
    if (const auto* blob = std::get_if<Blob>(&value)) statement.bind_blob(first, blob->bytes);
    ++first;
  }
}

void bind_hot_columns(Statement& statement, int first, const Record& record, int64_t ingested_time) {
  Binder binder(statement, first);
  bind_page_event(binder, record.page_event(), observed_by(record), record_timestamp(record), ingested_time,
                  static_cast<int>(record.record_case()));
}

}  // namespace sluice::store
