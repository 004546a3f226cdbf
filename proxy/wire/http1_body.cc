#include "proxy/wire/http1_body.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// The size in front of a chunk. Extensions are dropped: nothing behind us sees them.
std::optional<uint64_t> parse_chunk_size(std::string_view line) {
  uint64_t size = 0;
  size_t digits = 0;
  for (; digits < line.size() && hex_digit(line[digits]) >= 0; ++digits) {
    if (digits == chunk_size_digits_max) return std::nullopt;
    size = size << 4 | static_cast<uint64_t>(hex_digit(line[digits]));
  }
  if (digits == 0) return std::nullopt;
  std::string_view rest = line.substr(digits);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (!rest.empty() && rest.front() != ';') return std::nullopt;
  return is_field_value(rest) ? std::optional(size) : std::nullopt;
}

}  // namespace

const char* describe(BodyError error) {
  switch (error) {
    case BodyError::kBadChunkSize: return "a chunk does not begin with its size in hex";
    case BodyError::kBadChunkEnd: return "a chunk does not end in CR LF";
    case BodyError::kBareLineFeed: return "a line between chunks does not end in CR LF";
    case BodyError::kLineTooLong: return "a line between chunks is too long";
    case BodyError::kBadTrailer: return "a trailer field is malformed or there are too many";
    case BodyError::kCutShort: return "the connection ended before the body did";
  }
  return "";
}

BodyReader::BodyReader(BodyFraming framing) : place_(Place::kDone), left_(framing.length) {
  switch (framing.kind) {
    case BodyKind::kNone: break;
    case BodyKind::kLength: place_ = framing.length == 0 ? Place::kDone : Place::kContent; break;
    case BodyKind::kChunked: place_ = Place::kSizeLine; break;
    case BodyKind::kUntilClose: place_ = Place::kUntilClose; break;
  }
}

BodyReader::Step BodyReader::read(base::ByteView bytes) {
  size_t taken = 0;
  for (;;) {
    Step step = look(bytes.subspan(taken));
    taken += step.taken;
    step.taken = taken;
    if (step.state != Step::State::kNeedMore || taken == bytes.size()) return step;
  }
}

BodyReader::Step BodyReader::look(base::ByteView bytes) {
  if (place_ == Place::kDone) return {.state = Step::State::kEnd};
  if (bytes.empty()) return {};
  switch (place_) {
    case Place::kContent: return take_content(bytes, Place::kDone);
    case Place::kChunk: return take_content(bytes, Place::kChunkEnd);
    case Place::kUntilClose: return {.state = Step::State::kContent, .taken = bytes.size(), .content = bytes};
    case Place::kSizeLine:
    case Place::kChunkEnd:
    case Place::kTrailer: return take_line(bytes);
    case Place::kDone:
    case Place::kInvalid: break;
  }
  return {.state = Step::State::kInvalid, .taken = 0, .content = {}, .error = error_};
}

BodyReader::Step BodyReader::ended() {
  if (place_ != Place::kDone && place_ != Place::kUntilClose) return fail(BodyError::kCutShort, 0);
  place_ = Place::kDone;
  return {.state = Step::State::kEnd};
}

BodyReader::Step BodyReader::take_content(base::ByteView bytes, Place after) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  left_ -= size;
  if (left_ == 0) place_ = after;
  return {.state = Step::State::kContent, .taken = size, .content = bytes.first(size)};
}

// Lines are short and rare: they are gathered, and looked at when they are whole.
BodyReader::Step BodyReader::take_line(base::ByteView bytes) {
  const std::string_view text = base::as_text(bytes);
  const size_t line_feed = text.find('\n');
  const size_t taken = line_feed == std::string_view::npos ? text.size() : line_feed + 1;
  const size_t max = place_ == Place::kTrailer ? head_bytes_max : chunk_line_bytes_max;
  if (line_.size() + taken > max) return fail(BodyError::kLineTooLong, taken);
  line_.append(text.substr(0, taken));
  if (place_ == Place::kChunkEnd && !chunk_end.starts_with(std::string_view(line_).substr(0, chunk_end.size()))) {
    return fail(BodyError::kBadChunkEnd, taken);
  }
  if (line_feed == std::string_view::npos) return {.state = Step::State::kNeedMore, .taken = taken};
  if (!line_.ends_with(chunk_end)) return fail(BodyError::kBareLineFeed, taken);
  line_.resize(line_.size() - chunk_end.size());
  return line_ended(taken);
}

BodyReader::Step BodyReader::line_ended(size_t taken) {
  if (place_ == Place::kSizeLine) return size_line(taken);
  if (place_ == Place::kTrailer) return trailer_line(taken);
  SLUICE_ASSERT(place_ == Place::kChunkEnd);
  line_.clear();
  place_ = Place::kSizeLine;
  return {.state = Step::State::kNeedMore, .taken = taken};
}

BodyReader::Step BodyReader::size_line(size_t taken) {
  const auto size = parse_chunk_size(line_);
  if (!size) return fail(BodyError::kBadChunkSize, taken);
  line_.clear();
  left_ = *size;
  place_ = left_ == 0 ? Place::kTrailer : Place::kChunk;
  return {.state = Step::State::kNeedMore, .taken = taken};
}

BodyReader::Step BodyReader::trailer_line(size_t taken) {
  if (line_.empty()) {
    place_ = Place::kDone;
    return {.state = Step::State::kEnd, .taken = taken};
  }
  trailer_bytes_ += line_.size();
  auto field = parse_field_line(line_);
  line_.clear();
  if (!field || trailer_bytes_ > head_bytes_max || trailers_.size() == head_fields_max) {
    return fail(BodyError::kBadTrailer, taken);
  }
  trailers_.push_back(std::move(*field));
  return {.state = Step::State::kNeedMore, .taken = taken};
}

BodyReader::Step BodyReader::fail(BodyError error, size_t taken) {
  place_ = Place::kInvalid;
  error_ = error;
  return {.state = Step::State::kInvalid, .taken = taken, .content = {}, .error = error};
}

std::string chunk_head(uint64_t size) {
  SLUICE_ASSERT(size > 0);
  const std::string hex = base::hex16(size);
  return hex.substr(hex.find_first_not_of('0')) + std::string(chunk_end);
}

std::string last_chunk(const Fields& trailers) {
  std::string out = "0\r\n";
  append_fields(out, trailers);
  out += chunk_end;
  return out;
}

}  // namespace sluice::wire
