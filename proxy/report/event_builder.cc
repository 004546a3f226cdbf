#include "proxy/report/event_builder.h"

#include <libpsl.h>

#include <algorithm>
#include <functional>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/report/limits.h"
#include "proxy/report/user_agent.h"
#include "proxy/tls/digest.h"

namespace sluice::report {

using events::v1::PageEvent;

namespace {

constexpr uint32_t schema_version = 1;

// Length of the well-formed UTF-8 sequence (RFC 3629) at the beginning of `text`; 0 if there is none.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return tail(1) ? 2 : 0;
  if (lead < 0xf0) {
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  const bool outside = (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90);
  return lead < 0xf5 && tail(1) && tail(2) && tail(3) && !outside ? 4 : 0;
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  }
  return true;
}

// Protobuf refuses to parse a string that is not UTF-8, and names and hellos come from anybody: bytes that are not
// become U+FFFD. Cut at text_bytes_max, at the end of a character.
void set_text(std::string_view text, std::string& out) {
  if (text.size() <= text_bytes_max && is_ascii(text)) {
    out.assign(text);
    return;
  }
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  out.clear();
  while (!text.empty()) {
    const size_t size = utf8_sequence(text);
    const std::string_view piece = size == 0 ? replacement : text.substr(0, size);
    if (out.size() + piece.size() > text_bytes_max) break;
    out.append(piece);
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

// As OpenSSL names them.
const char* tls_version_name(uint16_t version) {
  switch (version) {
    case 0x0304: return "TLSv1.3";
    case 0x0303: return "TLSv1.2";
    case 0x0302: return "TLSv1.1";
    case 0x0301: return "TLSv1";
    case 0x0300: return "SSLv3";
    default: return "";
  }
}

const char* http_version_name(flow::HttpVersion version) {
  switch (version) {
    case flow::HttpVersion::kHttp10: return "HTTP/1.0";
    case flow::HttpVersion::kHttp11: return "HTTP/1.1";
    case flow::HttpVersion::kHttp2: return "HTTP/2";
  }
  return "";
}

// The numbers are the same; a test compares them.
template <class To, class From>
To same(From value) {
  return static_cast<To>(static_cast<int>(value));
}

void set_endpoint(const base::Endpoint& endpoint, std::string& address) {
  address = endpoint.address.unmapped().to_string();
}

}  // namespace

std::string event_id(uint64_t producer_id, uint64_t counter) {
  return base::hex16(producer_id) + "-" + std::to_string(counter);
}

EventBuilder::EventBuilder(BuilderContext context)
    : context_(std::move(context)), id_prefix_(base::hex16(context_.producer_id) + "-") {}

void EventBuilder::build(const flow::FlowRecord& record, events::v1::State state, base::Time now, base::WallTime wall,
                         PageEvent& out) {
  SLUICE_ASSERT(record.event_counter != 0 && record.revision != 0);
  out.Clear();  // keeps the strings' memory
  out.mutable_event_id()->assign(id_prefix_).append(std::to_string(record.event_counter));
  out.set_revision(record.revision);
  out.set_state(state);
  out.set_schema_version(schema_version);
  out.set_type(events::v1::TYPE_CONNECTION);
  out.set_origin(same<events::v1::Origin>(record.origin));
  out.set_primary(record.primary);
  set_text(record.correlation_id, *out.mutable_correlation_id());
  out.set_tenant(context_.tenant);
  out.set_observed_by(context_.observed_by);

  const int64_t start = base::epoch_ms(record.start);
  const int64_t duration = std::max<int64_t>((now - record.started).count(), 0);
  out.set_timestamp(start);
  out.set_end_time(start + duration);
  out.set_duration_ms(duration);
  out.set_emitted_time(base::epoch_ms(wall));

  fill_who(record, out);
  fill_where(record, out);
  out.set_client_bytes(record.client_bytes);
  out.set_server_bytes(record.server_bytes);
  out.set_numbytes(record.client_bytes + record.server_bytes);
  fill_verdict(record, out);
  fill_tls(record, out);
  if (record.exchange) fill_page(*record.exchange, out);
  out.set_count(1);
}

void EventBuilder::fill_who(const flow::FlowRecord& record, PageEvent& out) {
  set_text(record.user, *out.mutable_user());
  set_endpoint(record.source, *out.mutable_srcip());
  out.set_srcport(record.source.port);
  out.set_access_method(same<events::v1::AccessMethod>(record.access_method));
  set_text(record.tunnel_id, *out.mutable_tunnel_id());
  set_text(record.process_name, *out.mutable_process_name());
  set_text(record.process_path, *out.mutable_process_path());
  out.set_process_pid(record.process_pid);
  out.set_process_identity(same<events::v1::ProcessIdentity>(record.process_identity));
  if (record.app_source) set_endpoint(*record.app_source, *out.mutable_userip());
  if (record.device == nullptr) return;
  set_text(record.device->id, *out.mutable_device_id());
  set_text(record.device->hostname, *out.mutable_hostname());
  set_text(record.device->os, *out.mutable_device_os());
  set_text(record.device->classification, *out.mutable_device_classification());
  set_text(record.device->client_version, *out.mutable_client_version());
}

void EventBuilder::fill_where(const flow::FlowRecord& record, PageEvent& out) {
  out.set_traffic_type(record.app.empty() ? events::v1::TRAFFIC_TYPE_WEB : events::v1::TRAFFIC_TYPE_CLOUD_APP);
  if (!record.host.empty()) {
    set_text(record.host, *out.mutable_host());
    out.set_host_source(same<events::v1::HostSource>(record.host_source));
    const std::string& domain = registrable_domain(out.host());
    out.set_domain(domain);
    set_text(record.app.empty() ? domain : record.app, *out.mutable_site());
  }
  if (record.dialled) set_endpoint(record.destination, *out.mutable_dstip());
  out.set_dstport(record.destination.port);
  set_text(record.app, *out.mutable_app());
  set_text(record.app_category, *out.mutable_appcategory());
  set_text(record.category, *out.mutable_category());
  for (const std::string& category : record.other_categories) set_text(category, *out.add_other_categories());
}

void EventBuilder::fill_verdict(const flow::FlowRecord& record, PageEvent& out) {
  out.set_action(same<events::v1::Verdict>(record.action));
  out.set_close_reason(same<events::v1::CloseReason>(record.close_reason));
  out.set_error_stage(same<events::v1::Stage>(record.error_stage));
  if (record.action == flow::Verdict::kUnspecified) return;  // not decided yet: nothing to say about who and why
  set_text(record.policy, *out.mutable_policy());
  out.set_policy_kind(same<events::v1::PolicyKind>(record.policy_kind));
  const auto layer = same<events::v1::Layer>(record.policy_layer);
  out.set_policy_layer(layer);
  const bool bypass = record.action == flow::Verdict::kBypass;
  out.set_bypass_traffic(bypass);
  out.set_bypass_layer(bypass ? layer : events::v1::LAYER_NONE);
  out.set_bypass_mode(same<events::v1::BypassMode>(record.bypass_mode));
  out.set_bypass_reason_code(same<events::v1::BypassReasonCode>(record.bypass_reason_code));
  set_text(record.bypass_reason, *out.mutable_bypass_reason());
  set_text(record.ssl_policy, *out.mutable_ssl_policy());
  out.set_ssl_decrypt_policy(!record.ssl_policy.empty());
  set_text(record.notification, *out.mutable_notification());
  set_text(record.policy_version, *out.mutable_policy_version());
  switch (record.client_verdict) {
    case flow::SteeringVerdict::kUnspecified: break;
    case flow::SteeringVerdict::kSteer: out.set_client_verdict("steer"); break;
    case flow::SteeringVerdict::kBypass: out.set_client_verdict("bypass"); break;
  }
  set_text(record.client_policy, *out.mutable_client_policy());
  set_text(record.client_policy_version, *out.mutable_client_policy_version());
  out.set_policy_disagreement(record.policy_disagreement);
}

// One exchange, or what the page assembler folded into it.
void EventBuilder::fill_page(const flow::Exchange& exchange, PageEvent& out) {
  out.set_type(events::v1::TYPE_PAGE);
  out.set_page_build(same<events::v1::PageBuild>(exchange.build));
  out.set_page_id(out.event_id());
  set_text(exchange.url, *out.mutable_url());
  set_text(exchange.url, *out.mutable_page());
  set_text(exchange.referer, *out.mutable_referer());
  set_text(exchange.method, *out.mutable_method());
  out.set_status(static_cast<uint32_t>(exchange.status));
  out.set_http_version(http_version_name(exchange.version));
  set_text(exchange.content_type, *out.mutable_content_type());
  set_text(exchange.user_agent, *out.mutable_useragent());
  const UserAgent agent = parse_user_agent(exchange.user_agent);
  out.mutable_browser()->assign(agent.browser);
  out.mutable_os()->assign(agent.os);
  out.set_req_cnt(exchange.requests);
  out.set_resp_cnt(exchange.responses);
}

void EventBuilder::fill_tls(const flow::FlowRecord& record, PageEvent& out) {
  set_text(record.sni, *out.mutable_sni());
  set_text(record.alpn, *out.mutable_alpn());
  out.set_ech(same<events::v1::Ech>(record.ech));
  if (record.tls_version != 0) out.set_tls_version(tls_version_name(record.tls_version));
  if (!record.ja4_raw.empty()) out.set_ja4(ja4(record.ja4_raw));
  if (record.tls) fill_handshakes(*record.tls, out);
}

// What was agreed replaces what was offered.
void EventBuilder::fill_handshakes(const flow::TlsFacts& facts, PageEvent& out) {
  if (facts.version != 0) {
    out.set_tls_version(tls_version_name(facts.version));
    set_text(facts.alpn, *out.mutable_alpn());
  }
  set_text(facts.cipher, *out.mutable_tls_cipher());
  out.set_origin_tls_version(tls_version_name(facts.origin_version));
  set_text(facts.origin_cipher, *out.mutable_origin_tls_cipher());
  set_text(facts.cert_subject, *out.mutable_cert_subject());
  set_text(facts.cert_issuer, *out.mutable_cert_issuer());
  if (!facts.cert_subject.empty()) out.set_cert_not_after(base::epoch_ms(facts.cert_not_after));
  for (const std::string& error : facts.cert_errors) out.add_cert_errors(error);
  if (facts.failed) {
    out.set_tls_fail_side(*facts.failed == flow::Side::kClient ? events::v1::SIDE_CLIENT : events::v1::SIDE_ORIGIN);
    out.set_tls_alert(facts.alert);
  }
}

// Empty for an address, a public suffix and a name that is none.
const std::string& EventBuilder::registrable_domain(const std::string& host) {
  Remembered& slot = domains_[std::hash<std::string>{}(host) % remembered_max];
  if (slot.key != host) {
    slot.key = host;
    slot.value.clear();
    if (!base::IpAddress::parse(host)) {
      // Points into `host`; psl_builtin() lives as long as the process.
      const char* domain = psl_registrable_domain(psl_builtin(), host.c_str());
      if (domain != nullptr) slot.value = domain;
    }
  }
  return slot.value;
}

const std::string& EventBuilder::ja4(const std::string& raw) {
  Remembered& slot = ja4s_[std::hash<std::string>{}(raw) % remembered_max];
  if (slot.key != raw) {
    slot.key = raw;
    set_text(tls::ja4(raw), slot.value);
  }
  return slot.value;
}

}  // namespace sluice::report
