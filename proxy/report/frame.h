#pragma once
// Frames and entries: the bytes of a spool segment and of a wire batch. SPOOL_FORMAT.md is the definition.
// Pure: no files, no threads, no protobuf; the store decodes batches with it.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/base/result.h"

namespace sluice::report {

// --- entries -------------------------------------------------------------------------------------------------------

enum class EntryKind : uint8_t {
  kOther = 0,  // gap, audit, notice; counter 0
  kOpen = 1,   // an event that will get another record
  kFinal = 2,  // the last record of an event: closed or truncated
  kEmpty = 3,  // keeps a sequence whose record is superseded or lost; no record bytes
};

// One record of a frame or batch. `record` is a serialized sluice.events.v1.Record borrowed from the payload.
struct Entry {
  EntryKind kind = EntryKind::kOther;
  uint64_t counter = 0;  // of the event id; 0 for kOther
  base::ByteView record;
};

// Walks the entries of an uncompressed payload. Borrows the payload.
class EntryReader {
 public:
  enum class Status { kEntry, kEnd, kCorrupt };
  explicit EntryReader(base::ByteView payload) : payload_(payload) {}
  // kEntry fills `entry`; after kEnd or kCorrupt nothing more is to be had.
  Status next(Entry& entry);
  size_t position() const { return at_; }

 private:
  base::ByteView payload_;
  size_t at_ = 0;
};

// All entries of an uncompressed payload; none if a byte is malformed or their number is not `count`.
// The sequence of entry i is first_seq + i.
std::optional<std::vector<Entry>> decode_entries(base::ByteView payload, uint32_t count);

// Bytes that `append_entry` will add for a record of `record_bytes`.
size_t entry_bytes(uint64_t counter, size_t record_bytes);
// Writes everything of an entry but its record at `at` (which has entry_bytes() of room); returns where the record
// goes.
uint8_t* write_entry_head(uint8_t* at, EntryKind kind, uint64_t counter, size_t record_bytes);
void append_entry(std::vector<uint8_t>& out, const Entry& entry);

// Varints as protobuf writes them; at most 10 bytes, shortest form.
size_t varint_bytes(uint64_t value);
uint8_t* write_varint(uint8_t* at, uint64_t value);

// --- frames --------------------------------------------------------------------------------------------------------

enum class Codec : uint8_t { kNone = 0, kZstd = 1 };

inline constexpr size_t frame_head_bytes = 21;

struct Frame {
  uint64_t first_seq = 0;
  uint32_t count = 0;  // at least 1
  Codec codec = Codec::kNone;
  base::ByteView payload;  // borrowed from the parsed bytes
  uint64_t last_seq() const { return first_seq + count - 1; }
  size_t bytes() const { return frame_head_bytes + payload.size(); }
};

enum class FrameStatus { kComplete, kNeedMore, kCorrupt };

struct FrameParse {
  FrameStatus status = FrameStatus::kNeedMore;
  Frame frame;              // when kComplete
  size_t bytes_needed = 0;  // when kNeedMore: from the frame's first byte, as far as known
};

// One frame at the beginning of `bytes`. kCorrupt: these bytes never begin a frame, whatever follows.
FrameParse parse_frame(base::ByteView bytes);

// Could a frame with first_seq in [seq_min, seq_max] begin with these frame_head_bytes? Cheap: for finding the next
// frame behind damaged bytes, where parse_frame at every byte would checksum megabytes each time.
bool plausible_frame_head(base::ByteView head, uint64_t seq_min, uint64_t seq_max);

// Fills the frame_head_bytes before `payload` (which stands right behind `head`): length, checksum and the rest.
void write_frame_head(uint8_t* head, uint64_t first_seq, uint32_t count, Codec codec, base::ByteView payload);

// --- batch payloads ------------------------------------------------------------------------------------------------

// The entries of a wire batch, decompressed into `buffer` if need be and else borrowed from `payload`. Errors: unknown
// codec, not zstd, larger than batch_bytes_max. The checksum of Batch covers the payload as sent: verify it first.
base::Result<base::ByteView> unpack_payload(uint32_t codec, base::ByteView payload, std::vector<uint8_t>& buffer);

// zstd level 1 into `out`; false (and `out` unspecified) if it would not save at least an eighth.
bool pack_payload(base::ByteView payload, std::vector<uint8_t>& out);

}  // namespace sluice::report
