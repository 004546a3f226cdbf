#include <algorithm>

#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "events/query/mapping.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::query {

using events::v1::Record;

namespace {

// A line break would end the record, other control characters confuse receivers: spaces, except where CEF has a word.
std::string cef_text(std::string_view text, std::string_view escaped, bool header) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (escaped.find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (c == '\n' && !header) {
      out += "\\n";
    } else if (c == '\r' && !header) {
      out += "\\r";
    } else {
      out += byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
  }
  return out;
}

// 0 to 10, as CEF counts.
int severity(const Record& record) {
  switch (record.record_case()) {
    case Record::kGap: return 7;
    case Record::kAudit: return 3;
    case Record::kNotice:
      if (record.notice().severity() == events::v1::Notice::SEVERITY_ALARM) return 9;
      return record.notice().severity() == events::v1::Notice::SEVERITY_WARNING ? 6 : 3;
    case Record::kPageEvent: break;
    case Record::RECORD_NOT_SET: return 0;
  }
  switch (record.page_event().action()) {
    case events::v1::VERDICT_BLOCK:
    case events::v1::VERDICT_DROP: return 5;
    case events::v1::VERDICT_ALERT: return 6;
    case events::v1::VERDICT_BYPASS: return 3;
    default: return 1;  // allow, unspecified, and verdicts that newer producers know
  }
}

std::string name_of(const Record& record) {
  switch (record.record_case()) {
    case Record::kPageEvent: return "Page event " + store::field("action").text(record);
    case Record::kGap: return "Records lost";
    case Record::kAudit: return "Audit " + store::field("audit_action").text(record);
    case Record::kNotice: return "Notice " + store::field("kind").text(record);
    case Record::RECORD_NOT_SET: break;
  }
  return "Empty";
}

// One extension field after the other, separated by spaces; empty ones are left out.
class Extension {
 public:
  void text(std::string_view key, const std::string& value) {
    if (value.empty()) return;
    if (!out_.empty()) out_ += ' ';
    out_ += key;
    out_ += '=';
    out_ += cef_text(value, "\\=", false);
  }
  void number(std::string_view key, int64_t value) {
    if (value != 0) text(key, std::to_string(value));
  }
  void custom(const std::string& key, std::string_view label, const std::string& value) {
    if (value.empty()) return;
    text(key + "Label", std::string(label));
    text(key, value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_page_event(Extension& cef, Mapping& from) {
  cef.number("start", from.number("timestamp"));
  cef.number("end", from.number("end_time"));
  cef.text("act", from.text("action"));
  cef.text("app", from.text("app"));
  cef.text("suser", from.text("user"));
  cef.text("shost", from.text("hostname"));
  cef.text("src", from.text("srcip"));
  cef.number("spt", from.number("srcport"));
  cef.text("sproc", from.text("process_name"));
  cef.number("spid", from.number("process_pid"));
  cef.text("dhost", from.text("host"));
  cef.text("dst", from.text("dstip"));
  cef.number("dpt", from.number("dstport"));
  cef.text("request", from.text("url"));
  cef.text("requestMethod", from.text("method"));
  cef.text("requestClientApplication", from.text("useragent"));
  // Seen from the source: what came back is in, what it sent is out.
  cef.text("in", from.text("server_bytes"));
  cef.text("out", from.text("client_bytes"));
  cef.text("cat", from.text("category"));
  cef.text("outcome", from.text("state"));
  cef.text("reason", from.text("close_reason"));
  cef.custom("cs1", "policy", from.text("policy"));
  cef.custom("cs2", "bypassReasonCode", from.text("bypass_reason_code"));
  cef.custom("cs3", "bypassReason", from.text("bypass_reason"));
  cef.custom("cs4", "bypassMode", from.text("bypass_mode"));
  cef.custom("cs5", "sni", from.text("sni"));
  cef.custom("cs6", "ja4", from.text("ja4"));
  cef.custom("cn1", "durationMs", from.text("duration_ms"));
}

std::string message_of(const Record& record) {
  switch (record.record_case()) {
    case Record::kGap: {
      const auto& gap = record.gap();
      return "records " + std::to_string(gap.first_seq()) + " to " + std::to_string(gap.last_seq()) +
             " were lost: " + store::field("reason").text(record);
    }
    case Record::kAudit: return record.audit().target() + ": " + record.audit().detail();
    case Record::kNotice: return record.notice().text();
    case Record::kPageEvent:
    case Record::RECORD_NOT_SET: break;
  }
  return {};
}
}  // namespace

std::string to_cef(const Record& record) {
  Mapping from(record);
  std::string kind = from.text("record_type");
  if (kind == "page_event") kind = from.text("type").empty() ? "connection" : from.text("type");
  Extension cef;
  cef.number("rt", from.number("timestamp"));
  cef.text("externalId", from.text("event_id"));
  cef.text("dvchost", from.text("observed_by"));
  cef.text("msg", message_of(record));
  if (record.has_page_event()) write_page_event(cef, from);
  if (record.has_audit()) cef.text("suser", from.text("actor"));
  return "CEF:0|Sluice|Sluice|1|" + cef_text(kind, "\\|", true) + '|' + cef_text(name_of(record), "\\|", true) + '|' +
         std::to_string(severity(record)) + '|' + cef.take();
}

}  // namespace sluice::query
