#include "proxy/pop/relay_stamp.h"

#include <vector>

#include "proxy/base/crc32c.h"
#include "proxy/report/frame.h"
#include "proxy/report/limits.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::pop {

namespace v1 = events::v1;

namespace {

// Why a device may not send this event; null if it may.
const char* fault_of(const v1::PageEvent& event) {
  if (event.origin() != v1::ORIGIN_CLIENT) return "a device may only report as a client";
  const bool own_verdict =
      event.action() == v1::VERDICT_BYPASS || event.action() == v1::VERDICT_DROP || event.action() == v1::VERDICT_BLOCK;
  return own_verdict ? nullptr : "a device may only report bypasses, drops and blocks";
}

void stamp(const RelaySource& source, v1::PageEvent& event) {
  const tls::DeviceIdentity& identity = source.identity;
  event.set_tenant(identity.tenant);
  event.set_user(identity.user);
  event.set_device_id(identity.device);
  event.set_observed_by(identity.device);
  event.set_egress_ip(source.egress_ip);
  event.set_access_method(v1::ACCESS_METHOD_CLIENT);
  // A flow that went through the tunnel is in the PoP's own event.
  event.set_primary(event.action() != v1::VERDICT_BYPASS || event.bypass_mode() == v1::BYPASS_MODE_DIRECT);
  // Another device's flows are not its to speak of.
  if (!event.correlation_id().starts_with(identity.device + "/")) event.clear_correlation_id();
  event.clear_user_groups();
  event.clear_organization_unit();
  if (source.policy != nullptr) {
    const policy::IdentityView known = source.policy->identity(identity.user);
    for (const std::string& group : known.groups) event.add_user_groups(group);
    event.set_organization_unit(std::string(known.organization_unit));
  }
  if (source.device != nullptr) {
    event.set_hostname(source.device->hostname);
    event.set_device_os(source.device->os);
    event.set_device_classification(source.device->classification);
    event.set_client_version(source.device->client_version);
  }
}

// Why a device may not send this record; null when it may and is stamped.
const char* stamp(const RelaySource& source, v1::Record& record) {
  switch (record.record_case()) {
    case v1::Record::kPageEvent:
      if (const char* fault = fault_of(record.page_event())) return fault;
      stamp(source, *record.mutable_page_event());
      return nullptr;
    case v1::Record::kGap: record.mutable_gap()->set_observed_by(source.identity.device); return nullptr;
    case v1::Record::kNotice: record.mutable_notice()->set_observed_by(source.identity.device); return nullptr;
    case v1::Record::kAudit: return "a device may not write audit records";
    case v1::Record::RECORD_NOT_SET: break;
  }
  return "the record is of a kind that this PoP does not know";
}

void spoil(v1::PublishRequest::Batch& batch) {
  batch.clear_payload();
  batch.set_codec(0);
  batch.set_crc32c(~base::crc32c({}));
}

}  // namespace

Stamped stamp_batch(const RelaySource& source, v1::PublishRequest::Batch& batch) {
  Stamped result;
  std::vector<uint8_t> unpacked;
  const bool intact = base::crc32c(base::as_bytes(batch.payload())) == batch.crc32c();
  const auto payload = report::unpack_payload(batch.codec(), base::as_bytes(batch.payload()), unpacked);
  const auto entries = intact && payload && batch.count() <= report::batch_records_max
                           ? report::decode_entries(*payload, batch.count())
                           : std::nullopt;
  if (!entries) {
    spoil(batch);
    return result;
  }
  std::vector<uint8_t> out;
  out.reserve(payload->size());
  std::string bytes;
  for (const report::Entry& entry : *entries) {
    if (entry.kind == report::EntryKind::kEmpty) {
      report::append_entry(out, entry);
      continue;
    }
    v1::Record record;
    const bool parsed = record.ParseFromArray(entry.record.data(), static_cast<int>(entry.record.size()));
    const char* fault = parsed ? stamp(source, record) : "the record does not parse";
    if (fault == nullptr) {
      record.SerializeToString(&bytes);
      if (bytes.size() > report::record_bytes_max) fault = "the record is too long";
    }
    if (fault == nullptr) {
      ++result.passed;
      report::append_entry(out, {entry.kind, entry.counter, base::as_bytes(bytes)});
      continue;
    }
    if (result.refused++ == 0) result.why = fault;
    report::append_entry(out, {report::EntryKind::kEmpty, 0, {}});
  }
  std::vector<uint8_t> packed;
  const bool smaller = out.size() >= report::compress_bytes_min && report::pack_payload(out, packed);
  const std::vector<uint8_t>& wire = smaller ? packed : out;
  batch.set_payload(wire.data(), wire.size());
  batch.set_codec(static_cast<uint32_t>(smaller ? report::Codec::kZstd : report::Codec::kNone));
  batch.set_crc32c(base::crc32c(base::as_bytes(batch.payload())));
  return result;
}

}  // namespace sluice::pop
