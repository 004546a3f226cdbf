#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "events/query/mapping.h"
#include "events/query/time_text.h"
#include "proxy/base/text.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::query {

using events::v1::Record;

namespace {
constexpr std::string_view ecs_version = "8.11.0";
constexpr int64_t ns_per_ms = 1'000'000;

bool denied(std::string_view action) {
  return action == "block" || action == "drop";
}

void write_event(JsonWriter& json, Mapping& from) {
  const std::string action = from.text("action");
  json.open("event");
  json.text("kind", "event");
  json.text("module", "sluice");
  json.text("dataset", "sluice." + (from.text("type").empty() ? "connection" : from.text("type")));
  json.texts("category", {"network", "web"});
  json.texts("type", {"connection", denied(action) ? "denied" : "allowed"});
  json.text("id", from.text("event_id"));
  json.text("action", action);
  json.text("start", from.time("timestamp"));
  json.text("end", from.time("end_time"));
  json.number("duration", from.number("duration_ms") * ns_per_ms);
  json.text("created", from.time("emitted_time"));
  json.text("ingested", from.time("ingested_time"));
  json.text("reason", from.text("close_reason"));
  json.close();
}

void write_who(JsonWriter& json, Mapping& from) {
  json.open("organization");
  json.text("id", from.text("tenant"));
  json.close();
  json.open("observer");
  json.text("name", from.text("observed_by"));
  json.text("type", from.text("origin") == "client" ? "agent" : "proxy");
  json.text("vendor", "Sluice");
  json.close();
  json.open("user");
  json.text("name", from.text("user"));
  if (from.text("user").find('@') != std::string::npos) json.text("email", from.text("user"));
  json.open("group");
  json.texts("name", from.texts("user_groups"));
  json.close();
  json.close();
  json.open("host");
  json.text("id", from.text("device_id"));
  json.text("hostname", from.text("hostname"));
  json.open("os");
  json.text("full", from.text("device_os"));
  json.close();
  json.close();
  json.open("agent");
  json.text("version", from.text("client_version"));
  json.close();
  json.open("process");
  json.text("name", from.text("process_name"));
  json.text("executable", from.text("process_path"));
  json.positive("pid", from.number("process_pid"));
  json.close();
}

void write_ends(JsonWriter& json, Mapping& from) {
  // Malformed addresses would be refused by an index with a field of type ip.
  const auto address = [&](std::string_view name) {
    const std::string text = from.text(name);
    return store::address_bytes(text) ? text : std::string();
  };
  json.open("source");
  json.text("ip", address("srcip"));
  json.positive("port", from.number("srcport"));
  json.number("bytes", from.number("client_bytes"));
  json.open("nat");
  json.text("ip", address("egress_ip"));
  json.close();
  json.close();
  json.open("client");
  json.text("ip", address("userip"));
  json.number("bytes", from.number("client_bytes"));
  json.close();
  json.open("destination");
  json.text("domain", from.text("host"));
  json.text("registered_domain", from.text("domain"));
  json.text("ip", address("dstip"));
  json.positive("port", from.number("dstport"));
  json.number("bytes", from.number("server_bytes"));
  json.open("geo");
  json.text("country_iso_code", from.text("dst_country"));
  json.close();
  json.close();
  json.open("server");
  json.number("bytes", from.number("server_bytes"));
  json.close();
  json.open("network");
  json.text("application", base::ascii_lower(from.text("app")));
  json.number("bytes", from.number("numbytes"));
  json.text("direction", "outbound");
  json.close();
}

void write_web(JsonWriter& json, Mapping& from) {
  json.open("url");
  json.text("full", from.text("url"));
  json.close();
  json.open("http");
  json.text("version", from.text("http_version"));
  json.open("request");
  json.text("method", from.text("method"));
  json.text("referrer", from.text("referer"));
  json.close();
  json.open("response");
  json.positive("status_code", from.number("status"));
  json.text("mime_type", from.text("content_type"));
  json.close();
  json.close();
  json.open("user_agent");
  json.text("original", from.text("useragent"));
  json.text("name", from.text("browser"));
  json.close();
  json.open("rule");
  json.text("name", from.text("policy"));
  json.text("category", from.text("policy_kind"));
  json.close();
}

void write_tls(JsonWriter& json, Mapping& from) {
  json.open("tls");
  json.text("version", from.text("tls_version"));
  json.text("cipher", from.text("tls_cipher"));
  json.open("client");
  json.text("server_name", from.text("sni"));
  json.close();
  json.open("server");
  json.text("subject", from.text("cert_subject"));
  json.text("issuer", from.text("cert_issuer"));
  json.text("not_after", from.time("cert_not_after"));
  json.close();
  json.close();
}

void write_other_record(JsonWriter& json, Mapping& from, const Record& record) {
  json.open("event");
  json.text("kind", record.has_gap() ? "pipeline_error" : "event");
  json.text("module", "sluice");
  json.text("dataset", "sluice." + from.text("record_type"));
  json.text("action", from.text("audit_action"));
  json.close();
  json.open("observer");
  json.text("name", from.text("observed_by"));
  json.text("vendor", "Sluice");
  json.close();
  json.open("user");
  json.text("name", from.text("actor"));
  json.close();
  json.text("message", record.has_notice() ? from.text("text") : from.text("detail"));
}
}  // namespace

std::string to_ecs(const Record& record) {
  Mapping from(record);
  JsonWriter json;
  json.text("@timestamp", format_time(from.number("timestamp")));
  json.open("ecs");
  json.text("version", ecs_version);
  json.close();
  if (record.has_page_event()) {
    from.text("record_type");
    json.text("message", from.text("bypass_reason"));
    json.open("trace");
    json.text("id", from.text("correlation_id"));
    json.close();
    write_event(json, from);
    write_who(json, from);
    write_ends(json, from);
    write_web(json, from);
    write_tls(json, from);
  } else {
    write_other_record(json, from, record);
  }
  json.open("labels");
  from.rest(json);
  json.close();
  return json.take();
}

}  // namespace sluice::query
