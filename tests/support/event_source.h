#pragma once
// Page events as a busy PoP makes them, for benchmarks and load: names with a long tail, sizes and texts of real
// length.
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "proxy/base/crc32c.h"
#include "proxy/base/text.h"
#include "proxy/report/frame.h"
#include "sluice/events/v1/ingest.pb.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::support {

namespace v1 = ::sluice::events::v1;

// Deterministic for a seed. Not thread-safe.
class EventSource {
 public:
  static constexpr uint64_t users = 10'000;
  static constexpr uint64_t hosts = 20'000;

  EventSource(uint64_t producer_id, uint64_t seed) : producer_id_(producer_id), random_(seed) {}

  // A closed event that began `timestamp`.
  v1::Record next(int64_t timestamp) {
    const uint64_t counter = ++counter_;
    const uint64_t host = tail(hosts);
    const uint64_t user = tail(users);
    const std::string name = "www" + std::to_string(host % 9) + ".site-" + std::to_string(host) + ".example";
    v1::Record record;
    v1::PageEvent& e = *record.mutable_page_event();
    e.set_event_id(base::hex16(producer_id_) + "-" + std::to_string(counter));
    e.set_revision(2);
    e.set_state(v1::STATE_CLOSED);
    e.set_schema_version(1);
    e.set_type(v1::TYPE_CONNECTION);
    e.set_origin(v1::ORIGIN_POP);
    e.set_primary(true);
    e.set_correlation_id("device-" + std::to_string(user) + "/" + std::to_string(counter));
    e.set_observed_by("pop-tokyo-1");
    e.set_timestamp(timestamp);
    const auto duration = static_cast<int64_t>(random_() % 30'000);
    e.set_end_time(timestamp + duration);
    e.set_duration_ms(duration);
    e.set_emitted_time(timestamp + duration);
    e.set_user("user" + std::to_string(user) + "@corp.example");
    e.set_device_id("device-" + std::to_string(user));
    e.set_hostname("LAPTOP-" + std::to_string(user));
    e.set_device_os("Windows 11 23H2");
    e.set_client_version("1.4.2");
    e.set_policy_version("2026-01-01T00:00:00Z/17");
    e.set_process_name(user % 3 == 0 ? "chrome.exe" : "msedge.exe");
    e.set_srcip("10." + std::to_string(user % 250) + "." + std::to_string(user / 250) + ".7");
    e.set_srcport(static_cast<uint32_t>(20'000 + random_() % 40'000));
    e.set_egress_ip("203.0.113.9");
    e.set_access_method(v1::ACCESS_METHOD_EXPLICIT_PROXY);
    e.set_host(name);
    e.set_host_source(v1::HOST_SOURCE_CONNECT);
    e.set_domain("site-" + std::to_string(host) + ".example");
    e.set_dstip("198.51." + std::to_string(host % 250) + "." + std::to_string(host / 250 % 250));
    e.set_dstport(443);
    e.set_app("App " + std::to_string(host % 400));
    e.set_category("Category " + std::to_string(host % 60));
    e.set_traffic_type(v1::TRAFFIC_TYPE_WEB);
    const uint64_t up = 500 + random_() % 5'000;
    const uint64_t down = 2'000 + random_() % 400'000;
    e.set_client_bytes(up);
    e.set_server_bytes(down);
    e.set_numbytes(up + down);
    const bool bypass = random_() % 3 == 0;
    e.set_action(bypass ? v1::VERDICT_BYPASS : v1::VERDICT_ALLOW);
    e.set_policy(bypass ? "pinned apps" : "default allow");
    e.set_bypass_traffic(bypass);
    if (bypass) e.set_bypass_reason_code(v1::BYPASS_REASON_CODE_CERTIFICATE_PINNED_APP);
    e.set_close_reason(v1::CLOSE_REASON_CLIENT_CLOSED);
    e.set_sni(name);
    e.set_alpn("h2,http/1.1");
    e.set_tls_version("TLSv1.3");
    e.set_ja4("t13d1516h2_8daaf6152771_" + base::hex16(random_()).substr(0, 12));
    e.set_count(1);
    return record;
  }

 private:
  // A few values are common, most are rare.
  uint64_t tail(uint64_t size) {
    const double u = std::uniform_real_distribution<double>(0, 1)(random_);
    return static_cast<uint64_t>(std::pow(static_cast<double>(size), u)) % size;
  }

  const uint64_t producer_id_;
  std::mt19937_64 random_;
  uint64_t counter_ = 0;
};

// A wire batch; a record that is not set becomes an empty entry.
inline v1::PublishRequest wire_batch(uint64_t first_seq, const std::vector<v1::Record>& records, bool compress) {
  std::vector<uint8_t> payload;
  for (const v1::Record& record : records) {
    report::Entry entry;
    const std::string bytes = record.SerializeAsString();
    if (record.record_case() == v1::Record::RECORD_NOT_SET) {
      entry.kind = report::EntryKind::kEmpty;
    } else if (record.has_page_event()) {
      const std::string& id = record.page_event().event_id();
      const bool open = record.page_event().state() == v1::STATE_OPEN;
      entry.kind = open ? report::EntryKind::kOpen : report::EntryKind::kFinal;
      entry.counter = base::parse_decimal(std::string_view(id).substr(id.find('-') + 1)).value_or(1);
    }
    entry.record = base::as_bytes(bytes);
    report::append_entry(payload, entry);
  }
  std::vector<uint8_t> packed;
  const bool is_packed = compress && report::pack_payload(payload, packed);
  const std::vector<uint8_t>& sent = is_packed ? packed : payload;
  v1::PublishRequest request;
  v1::PublishRequest::Batch& batch = *request.mutable_batch();
  batch.set_first_seq(first_seq);
  batch.set_count(static_cast<uint32_t>(records.size()));
  batch.set_codec(static_cast<uint32_t>(is_packed ? report::Codec::kZstd : report::Codec::kNone));
  batch.set_crc32c(base::crc32c(sent));
  batch.set_payload(sent.data(), sent.size());
  return request;
}

}  // namespace sluice::support
