#include "tests/support/office.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "tests/support/office_tables.h"

namespace sluice::support {

namespace {

constexpr int64_t day_ms = 24 * 3'600'000;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

const City& city_named(std::string_view name) {
  return *std::find_if(cities().begin(), cities().end(), [&](const City& city) { return city.name == name; });
}

uint64_t all_tickets() {
  uint64_t sum = 0;
  for (const App& app : apps()) sum += static_cast<uint64_t>(app.weight);
  return sum;
}

// Of a device's name.
std::string prefix_of(std::string_view os) {
  if (os == mac) return "MAC-";
  return os == windows ? "LAP-" : "WS-";
}

// How busy an office is, 0 to 1, by the hour of its clock.
double activity(double hour) {
  const auto hump = [hour](double middle, double width) { return std::exp(-std::pow((hour - middle) / width, 2)); };
  return std::min(1.0, 0.04 + 0.85 * hump(10.5, 2.0) + 0.95 * hump(15.0, 2.4) + 0.2 * hump(20.0, 2.5));
}

void set_bypass(v1::PageEvent& e, v1::BypassMode mode, v1::BypassReasonCode reason, v1::PolicyKind kind) {
  e.set_action(v1::VERDICT_BYPASS);
  e.set_bypass_traffic(true);
  e.set_bypass_layer(mode == v1::BYPASS_MODE_TUNNEL ? v1::LAYER_CLIENT : v1::LAYER_POP);
  e.set_bypass_mode(mode);
  e.set_bypass_reason_code(reason);
  e.set_policy_kind(kind);
}
}  // namespace

Office::Office(std::string_view city, uint64_t producer_id, uint64_t seed)
    : city_(city_named(city)), producer_id_(producer_id), random_(seed) {}

int64_t Office::pick_time(int64_t now_ms) {
  std::uniform_real_distribution<double> share(0, 1);
  while (true) {
    const auto time = now_ms - static_cast<int64_t>(share(random_) * static_cast<double>(day_ms));
    const double hour = static_cast<double>((time / 1000 + city_.utc_offset_hours * 3600) % 86'400) / 3600;
    if (share(random_) < activity(hour)) return time;
  }
}

std::string Office::next_id() {
  return base::hex16(producer_id_) + "-" + std::to_string(++counter_);
}

v1::Record Office::next(int64_t timestamp) {
  v1::Record record;
  v1::PageEvent& e = *record.mutable_page_event();
  const Person& person = city_.people[below(city_.people.size())];
  static const uint64_t tickets = all_tickets();
  int ticket = static_cast<int>(below(tickets));
  const App* app = apps().data();
  for (const App& one : apps()) {
    app = &one;
    if ((ticket -= one.weight) < 0) break;
  }
  e.set_event_id(next_id());
  e.set_revision(2);
  e.set_state(v1::STATE_CLOSED);
  e.set_schema_version(1);
  e.set_type(v1::TYPE_CONNECTION);
  e.set_origin(v1::ORIGIN_POP);
  e.set_primary(true);
  e.set_observed_by(city_.pop);
  e.set_timestamp(timestamp);
  e.set_count(1);
  fill_person(e, person, *app);
  fill_place(e, *app);
  fill_bytes(e, *app);
  fill_verdict(e, *app);
  if (!e.bypass_traffic() && e.action() != v1::VERDICT_BLOCK) fill_page(e);
  return record;
}

void Office::fill_person(v1::PageEvent& e, const Person& person, const App& app) {
  const std::string_view user = person.user;
  const auto at = static_cast<uint64_t>(&person - city_.people.data());
  const std::string number = std::to_string(411 + at * 17);
  e.set_user(std::string(user));
  e.set_organization_unit(person.unit);
  e.set_device_id(std::string(city_.name) + "-" + number);
  e.set_hostname(prefix_of(person.os) + number);
  e.set_device_os(person.os);
  e.set_device_classification("managed");
  e.set_client_version("0.1.0");
  e.set_policy_version("42-5f0c9a31bd77");
  e.set_process_name(app.process != nullptr ? app.process : person.browser);
  e.set_process_identity(v1::PROCESS_IDENTITY_PATH);
  e.set_process_pid(static_cast<uint32_t>(2'000 + below(20'000)));
  e.set_srcip(city_.network + std::to_string(1 + at) + "." + std::to_string(10 + at));
  e.set_srcport(static_cast<uint32_t>(20'000 + below(40'000)));
  e.set_egress_ip("203.0.113." + std::to_string(10 + city_.utc_offset_hours));
  e.set_access_method(v1::ACCESS_METHOD_CLIENT);
  e.set_correlation_id(e.device_id() + "/" + e.event_id());
}

void Office::fill_place(v1::PageEvent& e, const App& app) {
  const std::vector<std::string> hosts = words_of(app.hosts);
  e.set_host(hosts[below(hosts.size())]);
  e.set_host_source(v1::HOST_SOURCE_SNI);
  e.set_domain(app.domain);
  e.set_app(app.name);
  e.set_appcategory(app.app_category);
  e.set_category(app.category);
  e.set_dst_country(app.country);
  const bool is_private = app.treatment == Treatment::kPrivate;
  e.set_dstip(is_private ? hosts[0] : "198.51.100." + std::to_string(1 + below(250)));
  e.set_dstport(443);
  e.set_site(city_.name);
  e.set_traffic_type(*app.name != '\0' ? v1::TRAFFIC_TYPE_CLOUD_APP : v1::TRAFFIC_TYPE_WEB);
  if (!is_private) e.set_sni(e.host());
  e.set_alpn("h2,http/1.1");
  e.set_tls_version("TLSv1.3");
  e.set_ja4("t13d1516h2_8daaf6152771_e5627efa2ab1");
}

void Office::fill_bytes(v1::PageEvent& e, const App& app) {
  const double spread = std::lognormal_distribution<double>(0, 0.9)(random_);
  const auto down = static_cast<uint64_t>(app.kilobytes * 1000 * spread);
  const uint64_t up = 600 + below(2'000) + down / (app.app_category == std::string_view("Cloud Storage") ? 2 : 15);
  const bool refused = app.treatment == Treatment::kBlock || app.treatment == Treatment::kUnreachable;
  e.set_client_bytes(refused ? 517 + below(1'300) : up);
  e.set_server_bytes(refused ? 7 : down);
  e.set_numbytes(e.client_bytes() + e.server_bytes());
  const auto duration = static_cast<int64_t>(refused ? 20 : 40 + spread * 2'500 + app.kilobytes * 12);
  e.set_duration_ms(duration);
  e.set_end_time(e.timestamp() + duration);
  e.set_emitted_time(e.end_time());
}

void Office::fill_verdict(v1::PageEvent& e, const App& app) {
  e.set_policy(app.rule);
  e.set_policy_layer(v1::LAYER_POP);
  e.set_policy_kind(v1::POLICY_KIND_REALTIME);
  e.set_action(v1::VERDICT_ALLOW);
  e.set_close_reason(below(3) == 0 ? v1::CLOSE_REASON_ORIGIN_CLOSED : v1::CLOSE_REASON_CLIENT_CLOSED);
  switch (app.treatment) {
    case Treatment::kAllow: return;
    case Treatment::kAlert: return e.set_action(v1::VERDICT_ALERT);
    case Treatment::kPinned:
      return set_bypass(e, v1::BYPASS_MODE_TUNNEL, v1::BYPASS_REASON_CODE_CERTIFICATE_PINNED_APP,
                        v1::POLICY_KIND_STEERING_EXCEPTION);
    case Treatment::kDoNotDecrypt:
      return set_bypass(e, v1::BYPASS_MODE_DO_NOT_DECRYPT, v1::BYPASS_REASON_CODE_SSL_POLICY,
                        v1::POLICY_KIND_SSL_DECRYPTION);
    case Treatment::kDomain:
      return set_bypass(e, v1::BYPASS_MODE_TUNNEL, v1::BYPASS_REASON_CODE_DOMAIN, v1::POLICY_KIND_STEERING_EXCEPTION);
    case Treatment::kLearned:
      return set_bypass(e, v1::BYPASS_MODE_LEARNED, v1::BYPASS_REASON_CODE_LEARNED, v1::POLICY_KIND_LEARNED_BYPASS);
    case Treatment::kPrivate:
      return set_bypass(e, v1::BYPASS_MODE_TUNNEL, v1::BYPASS_REASON_CODE_PRIVATE_ADDRESS,
                        v1::POLICY_KIND_STEERING_EXCEPTION);
    case Treatment::kBlock:
      e.set_action(v1::VERDICT_BLOCK);
      e.set_close_reason(v1::CLOSE_REASON_POLICY_BLOCK);
      e.set_notification("default");
      return;
    case Treatment::kUnreachable:
      e.set_close_reason(v1::CLOSE_REASON_CONNECT_TIMEOUT);
      e.set_error_stage(v1::STAGE_DIALING);
      return;
  }
}

void Office::fill_page(v1::PageEvent& e) {
  if (e.error_stage() != v1::STAGE_UNSPECIFIED) return;
  e.set_type(v1::TYPE_PAGE);
  e.set_url("https://" + e.host() + "/");
  e.set_page(e.host());
  e.set_method("GET");
  e.set_status(below(40) == 0 ? 404 : 200);
  e.set_http_version("HTTP/2");
  e.set_content_type("text/html");
  e.set_req_cnt(static_cast<uint32_t>(1 + below(60)));
  e.set_resp_cnt(e.req_cnt());
  e.set_page_build(v1::PAGE_BUILD_REFERER);
  e.set_close_reason(v1::CLOSE_REASON_COMPLETED);
  e.set_ssl_decrypt_policy(true);
}

v1::Record Office::client_view(const v1::Record& record) {
  if (record.page_event().bypass_mode() != v1::BYPASS_MODE_TUNNEL) return {};
  v1::Record view = record;
  v1::PageEvent& e = *view.mutable_page_event();
  e.set_event_id(next_id());
  e.set_primary(false);
  e.set_origin(v1::ORIGIN_CLIENT);
  e.set_observed_by(e.device_id());
  e.set_policy_layer(v1::LAYER_CLIENT);
  e.set_duration_ms(e.duration_ms() + static_cast<int64_t>(40 + below(160)));
  e.set_end_time(e.timestamp() + e.duration_ms());
  return view;
}

}  // namespace sluice::support
