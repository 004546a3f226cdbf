#include "proxy/report/frame.h"

#include <cstring>

#include "proxy/base/assert.h"
#include "proxy/base/crc32c.h"
#include "proxy/report/limits.h"

namespace sluice::report {

namespace {

// Little-endian, by bytes: the format does not depend on the machine.
template <class T>
T load(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(at[i]) << (8 * i));
  return value;
}

template <class T>
void store(uint8_t* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

// Offsets in a frame's head; SPOOL_FORMAT.md.
constexpr size_t length_at = 0;
constexpr size_t crc_at = 4;
constexpr size_t first_seq_at = 8;
constexpr size_t count_at = 16;
constexpr size_t codec_at = 20;
constexpr size_t checked_at = 8;  // the checksum covers the length and everything from here
constexpr size_t length_min = frame_head_bytes - checked_at;

uint32_t checksum(const uint8_t* frame, size_t length) {
  return base::crc32c({frame + checked_at, length}, base::crc32c({frame + length_at, 4}));
}

// A varint in shortest form at `at`; nothing if it is cut off or malformed.
std::optional<uint64_t> read_varint(base::ByteView bytes, size_t& at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && at + i < bytes.size(); ++i) {
    const uint8_t byte = bytes[at + i];
    if (i == 9 && byte > 1) return std::nullopt;  // beyond 64 bits
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && i > 0) return std::nullopt;  // not the shortest form
    at += i + 1;
    return value;
  }
  return std::nullopt;
}

bool well_formed(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::kOther: return entry.counter == 0 && !entry.record.empty();
    case EntryKind::kOpen:
    case EntryKind::kFinal: return entry.counter != 0 && !entry.record.empty();
    case EntryKind::kEmpty: return entry.record.empty();
  }
  return false;
}

}  // namespace

size_t varint_bytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

uint8_t* write_varint(uint8_t* at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<uint8_t>(value | 0x80);
  *at++ = static_cast<uint8_t>(value);
  return at;
}

EntryReader::Status EntryReader::next(Entry& entry) {
  if (at_ == payload_.size()) return Status::kEnd;
  size_t at = at_;
  const auto length = read_varint(payload_, at);
  if (!length || *length < 2 || *length > payload_.size() - at) return Status::kCorrupt;
  const size_t end = at + static_cast<size_t>(*length);
  const uint8_t kind = payload_[at++];
  if (kind > static_cast<uint8_t>(EntryKind::kEmpty)) return Status::kCorrupt;
  const auto counter = read_varint(payload_.first(end), at);
  if (!counter || end - at > record_bytes_max) return Status::kCorrupt;
  entry = {static_cast<EntryKind>(kind), *counter, payload_.subspan(at, end - at)};
  if (!well_formed(entry)) return Status::kCorrupt;
  at_ = end;
  return Status::kEntry;
}

std::optional<std::vector<Entry>> decode_entries(base::ByteView payload, uint32_t count) {
  // An entry has at least three bytes, so the reservation is bounded by the payload.
  if (count > payload.size() / 3) return std::nullopt;
  std::vector<Entry> entries;
  entries.reserve(count);
  EntryReader reader(payload);
  Entry entry;
  for (;;) {
    switch (reader.next(entry)) {
      case EntryReader::Status::kEntry:
        if (entries.size() == count) return std::nullopt;
        entries.push_back(entry);
        continue;
      case EntryReader::Status::kEnd:
        if (entries.size() != count) return std::nullopt;
        return entries;
      case EntryReader::Status::kCorrupt: return std::nullopt;
    }
  }
}

size_t entry_bytes(uint64_t counter, size_t record_bytes) {
  const size_t rest = 1 + varint_bytes(counter) + record_bytes;
  return varint_bytes(rest) + rest;
}

uint8_t* write_entry_head(uint8_t* at, EntryKind kind, uint64_t counter, size_t record_bytes) {
  at = write_varint(at, 1 + varint_bytes(counter) + record_bytes);
  *at++ = static_cast<uint8_t>(kind);
  return write_varint(at, counter);
}

void append_entry(std::vector<uint8_t>& out, const Entry& entry) {
  SLUICE_ASSERT(well_formed(entry) && entry.record.size() <= record_bytes_max);
  const size_t at = out.size();
  out.resize(at + entry_bytes(entry.counter, entry.record.size()));
  uint8_t* record = write_entry_head(out.data() + at, entry.kind, entry.counter, entry.record.size());
  if (!entry.record.empty()) std::memcpy(record, entry.record.data(), entry.record.size());
}

FrameParse parse_frame(base::ByteView bytes) {
  FrameParse parse;
  if (bytes.size() < 4) {
    parse.bytes_needed = frame_head_bytes;
    return parse;
  }
  const size_t length = load<uint32_t>(bytes.data() + length_at);
  if (length <= length_min || length > length_min + frame_bytes_max) {
    parse.status = FrameStatus::kCorrupt;
    return parse;
  }
  if (bytes.size() < checked_at + length) {
    parse.bytes_needed = checked_at + length;
    return parse;
  }
  Frame& frame = parse.frame;
  frame.first_seq = load<uint64_t>(bytes.data() + first_seq_at);
  frame.count = load<uint32_t>(bytes.data() + count_at);
  const uint8_t codec = bytes[codec_at];
  const bool plausible = frame.first_seq != 0 && frame.count != 0 && frame.first_seq + frame.count > frame.first_seq &&
                         codec <= static_cast<uint8_t>(Codec::kZstd);
  if (!plausible || checksum(bytes.data(), length) != load<uint32_t>(bytes.data() + crc_at)) {
    parse.status = FrameStatus::kCorrupt;
    return parse;
  }
  frame.codec = static_cast<Codec>(codec);
  frame.payload = bytes.subspan(frame_head_bytes, length - length_min);
  parse.status = FrameStatus::kComplete;
  return parse;
}

bool plausible_frame_head(base::ByteView head, uint64_t seq_min, uint64_t seq_max) {
  if (head.size() < frame_head_bytes) return false;
  const size_t length = load<uint32_t>(head.data() + length_at);
  if (length <= length_min || length > length_min + frame_bytes_max) return false;
  const auto first_seq = load<uint64_t>(head.data() + first_seq_at);
  return first_seq >= seq_min && first_seq <= seq_max && head[codec_at] <= static_cast<uint8_t>(Codec::kZstd);
}

void write_frame_head(uint8_t* head, uint64_t first_seq, uint32_t count, Codec codec, base::ByteView payload) {
  SLUICE_ASSERT(payload.data() == head + frame_head_bytes && !payload.empty() && payload.size() <= frame_bytes_max);
  SLUICE_ASSERT(first_seq != 0 && count != 0);
  const size_t length = length_min + payload.size();
  store<uint32_t>(head + length_at, static_cast<uint32_t>(length));
  store<uint64_t>(head + first_seq_at, first_seq);
  store<uint32_t>(head + count_at, count);
  head[codec_at] = static_cast<uint8_t>(codec);
  store<uint32_t>(head + crc_at, checksum(head, length));
}

}  // namespace sluice::report
