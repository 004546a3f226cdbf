// Frames, entries and batch payloads from arbitrary bytes: nothing is read out of bounds, what decodes encodes to the
// same bytes, and a frame that is complete is not complete one byte earlier.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "proxy/report/frame.h"
#include "proxy/report/limits.h"

namespace {

using namespace sluice::report;
using sluice::base::ByteView;

void require(bool condition) {
  if (!condition) std::abort();
}

void entries(ByteView payload) {
  EntryReader reader(payload);
  std::vector<uint8_t> again;
  uint32_t count = 0;
  Entry entry;
  EntryReader::Status status;
  while ((status = reader.next(entry)) == EntryReader::Status::kEntry) {
    append_entry(again, entry);
    ++count;
    require(again.size() == reader.position());
  }
  require(again.size() <= payload.size() && std::equal(again.begin(), again.end(), payload.begin()));
  const auto decoded = decode_entries(payload, count);
  require(decoded.has_value() == (status == EntryReader::Status::kEnd));
  require(!decode_entries(payload, count + 1));
}

void frame(ByteView bytes) {
  const FrameParse parse = parse_frame(bytes);
  if (parse.status == FrameStatus::kNeedMore) require(parse.bytes_needed > bytes.size());
  if (parse.status != FrameStatus::kComplete) return;
  const size_t size = parse.frame.bytes();
  require(size <= bytes.size());
  require(parse_frame(bytes.first(size - 1)).status == FrameStatus::kNeedMore);
  require(plausible_frame_head(bytes, parse.frame.first_seq, parse.frame.first_seq));
  std::vector<uint8_t> again(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  std::fill_n(again.begin(), frame_head_bytes, uint8_t{0});
  write_frame_head(again.data(), parse.frame.first_seq, parse.frame.count, parse.frame.codec,
                   ByteView(again).subspan(frame_head_bytes));
  require(std::equal(again.begin(), again.end(), bytes.begin()));
}

// Checksums keep a fuzzer out; this gives it a frame whose checksum is right.
void sealed_frame(ByteView bytes) {
  if (bytes.size() < 10) return;
  std::vector<uint8_t> out(frame_head_bytes);
  out.insert(out.end(), bytes.begin() + 9, bytes.end());
  uint64_t first_seq = 1;
  for (size_t i = 0; i < 8; ++i) first_seq ^= uint64_t{bytes[i]} << (8 * i);
  if (first_seq == 0 || first_seq > UINT64_MAX - 256) return;
  const uint32_t count = bytes[8] + 1u;
  write_frame_head(out.data(), first_seq, count, Codec::kNone, ByteView(out).subspan(frame_head_bytes));
  const FrameParse parse = parse_frame(out);
  require(parse.status == FrameStatus::kComplete && parse.frame.first_seq == first_seq && parse.frame.count == count);
  entries(parse.frame.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes{data, size};
  frame(bytes);
  sealed_frame(bytes);
  entries(bytes);
  for (const uint32_t codec : {0u, 1u, 2u}) {
    std::vector<uint8_t> buffer;
    if (const auto unpacked = unpack_payload(codec, bytes, buffer)) {
      require(unpacked->size() <= batch_bytes_max);
      entries(*unpacked);
    }
  }
  std::vector<uint8_t> packed;
  if (pack_payload(bytes, packed)) {
    std::vector<uint8_t> buffer;
    const auto back = unpack_payload(1, packed, buffer);
    require(back && std::equal(back->begin(), back->end(), bytes.begin(), bytes.end()));
  }
  return 0;
}
