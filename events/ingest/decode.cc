#include "events/ingest/decode.h"

#include <google/protobuf/arena.h>

#include <utility>

#include "events/ingest/limits.h"
#include "events/store/limits.h"
#include "proxy/base/crc32c.h"
#include "proxy/base/text.h"
#include "proxy/report/frame.h"

namespace sluice::ingest {
namespace {

using events::v1::PageEvent;
using events::v1::Record;
using store::IncomingRecord;

// The framing bounds records; what it lets through a block of the store can take.
static_assert(report::record_bytes_max <= store::record_bytes_max);

// Why a page event cannot be stored; empty if it can.
std::string fault_of(const PageEvent& event, std::string_view id_prefix, const std::string& tenant) {
  const std::string& id = event.event_id();
  if (id.size() > store::event_id_bytes_max || !id.starts_with(id_prefix) ||
      !base::parse_decimal(std::string_view(id).substr(id_prefix.size()))) {
    return "the event_id is not this producer's id, '-' and a decimal counter";
  }
  if (event.state() < events::v1::STATE_OPEN || event.state() > events::v1::STATE_TRUNCATED) {
    return "the event has no known state";
  }
  if (!event.tenant().empty() && event.tenant() != tenant) return "the event belongs to another tenant";
  return {};
}

IncomingRecord poison(std::string_view bytes, std::string reason) {
  return {IncomingRecord::Kind::kPoison, bytes, nullptr, std::move(reason)};
}

IncomingRecord decode_record(const report::Entry& entry, google::protobuf::Arena& arena, std::string_view id_prefix,
                             const std::string& tenant) {
  if (entry.kind == report::EntryKind::kEmpty) return {};
  const std::string_view bytes = base::as_text(entry.record);
  auto* record = google::protobuf::Arena::CreateMessage<Record>(&arena);
  if (!record->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return poison(bytes, "the record does not parse");
  }
  switch (record->record_case()) {
    case Record::kPageEvent: {
      std::string fault = fault_of(record->page_event(), id_prefix, tenant);
      if (!fault.empty()) return poison(bytes, std::move(fault));
      const bool open = record->page_event().state() == events::v1::STATE_OPEN;
      return {open ? IncomingRecord::Kind::kOpen : IncomingRecord::Kind::kFinal, bytes, record, {}};
    }
    case Record::kGap:
    case Record::kAudit:
    case Record::kNotice: return {IncomingRecord::Kind::kFinal, bytes, record, {}};
    case Record::RECORD_NOT_SET: break;
  }
  return poison(bytes, "the record is of a kind that this store does not know");
}
}  // namespace

base::Result<store::Batch> decode_batch(events::v1::PublishRequest::Batch& batch, const Producer& producer) {
  if (batch.count() == 0 || batch.count() > report::batch_records_max) return base::Error{"the batch's count is wrong"};
  if (batch.first_seq() == 0 || batch.first_seq() > sequence_max) return base::Error{"the batch's first_seq is wrong"};
  if (base::crc32c(base::as_bytes(batch.payload())) != batch.crc32c()) {
    return base::Error{"the batch's checksum is wrong"};
  }
  store::Batch decoded;
  decoded.producer_id = producer.id;
  decoded.source = producer.source;
  decoded.observed_by = producer.observed_by;
  decoded.first_seq = batch.first_seq();
  decoded.payload = std::move(*batch.mutable_payload());
  const auto unpacked = report::unpack_payload(batch.codec(), base::as_bytes(decoded.payload), decoded.unpacked);
  if (!unpacked.ok()) return unpacked.error();
  const auto entries = report::decode_entries(*unpacked, batch.count());
  if (!entries) return base::Error{"the batch's entries are malformed"};

  google::protobuf::ArenaOptions sizes;
  sizes.start_block_size = 64u << 10;  // a batch's parsed records are several hundred KiB
  sizes.max_block_size = 512u << 10;
  decoded.arena = std::make_unique<google::protobuf::Arena>(sizes);
  decoded.records.reserve(entries->size());
  const std::string id_prefix = base::hex16(producer.id) + "-";
  for (const report::Entry& entry : *entries) {
    decoded.records.push_back(decode_record(entry, *decoded.arena, id_prefix, producer.tenant));
  }
  return decoded;
}

}  // namespace sluice::ingest
