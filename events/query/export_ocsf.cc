#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "events/query/mapping.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::query {

using events::v1::Record;
namespace v1 = events::v1;

namespace {
// Numbers of OCSF 1.3.
constexpr std::string_view ocsf_version = "1.3.0";
constexpr int64_t category_network = 4;
constexpr int64_t class_base = 0;
constexpr int64_t class_network_activity = 4001;
constexpr int64_t class_http_activity = 4002;
constexpr int64_t activity_other = 99;
constexpr int64_t protocol_tcp = 6;
constexpr int64_t direction_outbound = 2;

int64_t http_activity(std::string_view method) {
  constexpr std::pair<std::string_view, int64_t> activities[] = {
      {"CONNECT", 1}, {"DELETE", 2}, {"GET", 3}, {"HEAD", 4}, {"OPTIONS", 5}, {"POST", 6}, {"PUT", 7}, {"TRACE", 8}};
  for (const auto& [name, id] : activities) {
    if (method == name) return id;
  }
  return activity_other;
}

// Open, close, reset, fail, refuse, traffic.
int64_t network_activity(const v1::PageEvent& event) {
  if (event.action() == v1::VERDICT_BLOCK || event.action() == v1::VERDICT_DROP) return 5;
  if (event.state() == v1::STATE_OPEN) return 1;
  switch (event.close_reason()) {
    case v1::CLOSE_REASON_CLIENT_CLOSED:
    case v1::CLOSE_REASON_ORIGIN_CLOSED: return 2;
    case v1::CLOSE_REASON_CLIENT_RESET:
    case v1::CLOSE_REASON_ORIGIN_RESET: return 3;
    default: return event.error_stage() == v1::STAGE_UNSPECIFIED ? 6 : 4;  // all others are failures of some stage
  }
}

struct Disposition {
  int64_t action_id = 0;
  int64_t disposition_id = 0;
  int64_t severity_id = 1;  // informational
};

Disposition disposition(v1::Verdict action) {
  switch (action) {
    case v1::VERDICT_ALLOW:
    case v1::VERDICT_BYPASS: return {1, 1, 1};
    case v1::VERDICT_ALERT: return {1, 19, 3};
    case v1::VERDICT_BLOCK: return {2, 2, 2};
    case v1::VERDICT_DROP: return {2, 6, 2};
    default: return {0, 0, 1};  // unspecified, and verdicts that newer producers know
  }
}

void write_class(JsonWriter& json, int64_t class_uid, int64_t category_uid, int64_t activity_id) {
  json.number("class_uid", class_uid);
  json.number("category_uid", category_uid);
  json.number("activity_id", activity_id);
  json.number("type_uid", class_uid * 100 + activity_id);
}

void write_metadata(JsonWriter& json, Mapping& from) {
  json.open("metadata");
  json.text("version", ocsf_version);
  json.open("product");
  json.text("name", "Sluice");
  json.text("vendor_name", "Sluice");
  json.close();
  json.text("uid", from.text("event_id"));
  json.text("tenant_uid", from.text("tenant"));
  json.text("correlation_uid", from.text("correlation_id"));
  json.text("log_provider", from.text("observed_by"));
  json.positive("logged_time", from.number("emitted_time"));
  json.positive("processed_time", from.number("ingested_time"));
  json.close();
}

void write_who(JsonWriter& json, Mapping& from) {
  json.open("actor");
  json.open("user");
  json.text("name", from.text("user"));
  json.objects("groups", "name", from.texts("user_groups"));
  json.close();
  json.open("process");
  json.text("name", from.text("process_name"));
  json.positive("pid", from.number("process_pid"));
  json.open("file");
  json.text("path", from.text("process_path"));
  json.close();
  json.close();
  json.close();
  json.open("device");
  json.text("uid", from.text("device_id"));
  json.text("hostname", from.text("hostname"));
  json.close();
}

void write_ends(JsonWriter& json, Mapping& from) {
  json.open("src_endpoint");
  json.text("ip", from.text("srcip"));
  json.positive("port", from.number("srcport"));
  json.close();
  json.open("dst_endpoint");
  json.text("hostname", from.text("host"));
  json.text("domain", from.text("domain"));
  json.text("ip", from.text("dstip"));
  json.positive("port", from.number("dstport"));
  json.open("location");
  json.text("country", from.text("dst_country"));
  json.close();
  json.close();
  json.open("connection_info");
  json.number("protocol_num", protocol_tcp);
  json.number("direction_id", direction_outbound);
  json.close();
  json.open("traffic");
  json.number("bytes_out", from.number("client_bytes"));
  json.number("bytes_in", from.number("server_bytes"));
  json.number("bytes", from.number("numbytes"));
  json.close();
}

void write_http(JsonWriter& json, Mapping& from) {
  json.open("http_request");
  json.text("http_method", from.text("method"));
  json.open("url");
  json.text("url_string", from.text("url"));
  json.close();
  json.text("referrer", from.text("referer"));
  json.text("user_agent", from.text("useragent"));
  json.text("version", from.text("http_version"));
  json.close();
  json.open("http_response");
  json.positive("code", from.number("status"));
  json.text("content_type", from.text("content_type"));
  json.close();
}

void write_tls(JsonWriter& json, Mapping& from) {
  json.open("tls");
  json.text("version", from.text("tls_version"));
  json.text("cipher", from.text("tls_cipher"));
  json.text("sni", from.text("sni"));
  json.positive("alert", from.number("tls_alert"));
  json.open("certificate");
  json.text("subject", from.text("cert_subject"));
  json.text("issuer", from.text("cert_issuer"));
  json.positive("expiration_time", from.number("cert_not_after"));
  json.close();
  json.close();
  const std::string ja4 = from.text("ja4");
  if (!ja4.empty()) json.objects("ja4_fingerprint_list", "value", {ja4});
}

void write_page_event(JsonWriter& json, Mapping& from, const v1::PageEvent& event) {
  from.text("record_type");
  const std::string method = from.text("method");
  const bool http = !method.empty();
  write_class(json, http ? class_http_activity : class_network_activity, category_network,
              http ? http_activity(method) : network_activity(event));
  const Disposition verdict = disposition(event.action());
  json.number("severity_id", verdict.severity_id);
  json.number("action_id", verdict.action_id);
  json.number("disposition_id", verdict.disposition_id);
  json.text("action", from.text("action"));
  json.number("start_time", from.number("timestamp"));
  json.positive("end_time", from.number("end_time"));
  json.number("duration", from.number("duration_ms"));
  json.positive("count", from.number("count"));
  json.text("status_code", from.text("bypass_reason_code"));
  json.text("status_detail", from.text("close_reason"));
  json.text("message", from.text("bypass_reason"));
  json.text("app_name", from.text("app"));
  json.open("firewall_rule");
  json.text("name", from.text("policy"));
  json.text("category", from.text("policy_kind"));
  json.close();
  write_who(json, from);
  write_ends(json, from);
  write_http(json, from);
  write_tls(json, from);
}

int64_t severity_of_other(const Record& record) {
  if (record.has_gap()) return 3;
  if (!record.has_notice() || record.notice().severity() == v1::Notice::SEVERITY_INFO) return 1;
  return record.notice().severity() == v1::Notice::SEVERITY_ALARM ? 4 : 3;
}
}  // namespace

std::string to_ocsf(const Record& record) {
  Mapping from(record);
  JsonWriter json;
  json.number("time", from.number("timestamp"));
  if (record.has_page_event()) {
    write_page_event(json, from, record.page_event());
  } else {
    write_class(json, class_base, 0, activity_other);
    json.number("severity_id", severity_of_other(record));
    json.text("message", record.has_notice() ? from.text("text") : from.text("detail"));
  }
  write_metadata(json, from);
  json.open("unmapped");
  from.rest(json);
  json.close();
  return json.take();
}

}  // namespace sluice::query
