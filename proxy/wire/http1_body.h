#pragma once
// Bodies of HTTP/1 messages (RFC 9112 sections 6 and 7): where one ends, and the bytes in it without their framing.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/chunk.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::wire {

enum class BodyKind : uint8_t {
  kNone,
  kLength,      // Content-Length
  kChunked,     // chunks, then trailers
  kUntilClose,  // responses only: the end of the connection is the end of the body
};
struct BodyFraming {
  BodyKind kind = BodyKind::kNone;
  uint64_t length = 0;  // of kLength
  bool operator==(const BodyFraming&) const = default;
};

enum class BodyError : uint8_t {
  kBadChunkSize,  // no hex digits, more than chunk_size_digits_max, or something odd behind them
  kBadChunkEnd,   // a chunk is not followed by CR LF
  kBareLineFeed,
  kLineTooLong,  // over chunk_line_bytes_max
  kBadTrailer,   // not a field line, or too many bytes or fields
  kCutShort,     // the connection ended before the body did
};
const char* describe(BodyError error);

// Reads one body, however it is cut: hands out runs of content, then trailers. Keeps only the line it is in. One per
// body; owned by the codec of its side.
class BodyReader {
 public:
  explicit BodyReader(BodyFraming framing);
  BodyReader() : BodyReader(BodyFraming{}) {}

  struct Step {
    enum class State : uint8_t { kNeedMore, kContent, kEnd, kInvalid };
    State state = State::kNeedMore;
    size_t taken = 0;          // bytes of the input that are done with; with kEnd the rest is not the body's
    base::ByteView content{};  // of kContent: a view into the input
    BodyError error{};         // of kInvalid
  };
  // Looks at the beginning of `bytes`; call again with what was not taken until need more, end or invalid.
  Step read(base::ByteView bytes);
  // The peer has sent FIN: kEnd if that ends the body, else kInvalid with kCutShort.
  Step ended();
  bool done() const { return place_ == Place::kDone; }

  // After the end of a chunked body.
  const Fields& trailers() const { return trailers_; }
  Fields take_trailers() { return std::move(trailers_); }

 private:
  enum class Place : uint8_t { kContent, kUntilClose, kSizeLine, kChunk, kChunkEnd, kTrailer, kDone, kInvalid };

  Step look(base::ByteView bytes);
  Step take_content(base::ByteView bytes, Place after);
  Step take_line(base::ByteView bytes);
  Step line_ended(size_t taken);
  Step size_line(size_t taken);
  Step trailer_line(size_t taken);
  Step fail(BodyError error, size_t taken);

  Place place_;
  BodyError error_{};  // of kInvalid
  uint64_t left_ = 0;  // of the length, or of the chunk
  size_t trailer_bytes_ = 0;
  std::string line_;  // the incomplete line
  Fields trailers_;
};

// "1a\r\n": what stands before a chunk of `size` bytes (> 0); behind it stands chunk_end.
std::string chunk_head(uint64_t size);
inline constexpr std::string_view chunk_end = "\r\n";
// The last chunk, the trailers and the empty line. Names must be tokens; control characters in values become spaces.
std::string last_chunk(const Fields& trailers);

}  // namespace sluice::wire
