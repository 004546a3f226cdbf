// Wire batches as a stranger could send them. First byte: codec (bit 0), whether the checksum is right (bit 1), whether
// the bytes are the payload of an honest codec (bit 2); second: count; the rest is the payload. What is decoded must
// agree with itself: as many records as were announced, each inside the payload, a reason for each that is refused.
#include <cstdint>
#include <string>
#include <vector>

#include "events/ingest/decode.h"
#include "events/store/limits.h"
#include "proxy/base/assert.h"
#include "proxy/base/crc32c.h"
#include "proxy/report/frame.h"

namespace {

using namespace sluice;
using Kind = store::IncomingRecord::Kind;

void check(const store::Batch& batch, uint32_t count) {
  SLUICE_ASSERT(batch.records.size() == count);
  for (const store::IncomingRecord& record : batch.records) {
    switch (record.kind) {
      case Kind::kEmpty: SLUICE_ASSERT(record.bytes.empty() && record.record == nullptr); break;
      case Kind::kOpen: SLUICE_ASSERT(record.record->page_event().state() == events::v1::STATE_OPEN); break;
      case Kind::kFinal:
        SLUICE_ASSERT(record.record != nullptr && record.bytes.size() <= store::record_bytes_max);
        break;
      case Kind::kPoison: SLUICE_ASSERT(!record.reason.empty()); break;
    }
    uint8_t sum = 0;  // every byte that is pointed to can be read
    for (const char c : record.bytes) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(c));
    [[maybe_unused]] volatile uint8_t kept = sum;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool zstd = (data[0] & 1) != 0;
  const bool wrong_sum = (data[0] & 2) != 0;
  const bool pack = (data[0] & 4) != 0;
  std::vector<uint8_t> payload(data + 2, data + size);
  std::vector<uint8_t> packed;
  if (zstd && pack && report::pack_payload(payload, packed)) payload = packed;
  events::v1::PublishRequest::Batch batch;
  batch.set_first_seq(1);
  batch.set_count(data[1]);
  batch.set_codec(static_cast<uint32_t>(zstd ? report::Codec::kZstd : report::Codec::kNone));
  batch.set_crc32c(base::crc32c(payload) + (wrong_sum ? 1 : 0));
  batch.set_payload(payload.data(), payload.size());
  const auto decoded = ingest::decode_batch(batch, {0xc0ffee01, "pop", "pop-fuzz", "acme"});
  SLUICE_ASSERT(!wrong_sum || !decoded.ok());
  if (decoded.ok()) check(*decoded, data[1]);
  return 0;
}
