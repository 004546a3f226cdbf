#pragma once
// What a body reader makes of a text fed in pieces, as text. Shared with the fuzz targets.
#include <string>
#include <vector>

#include "proxy/wire/http1_body.h"

namespace sluice::wire::test {

// Feeds the pieces between `cuts`; what a step does not take is fed again with the next piece. `ended`: then FIN.
inline std::string body_summary(BodyFraming framing, const std::string& text, std::vector<size_t> cuts,
                                bool ended = false) {
  using State = BodyReader::Step::State;
  BodyReader reader(framing);
  std::string content;
  const auto tell = [&](const BodyReader::Step& step, size_t left) {
    std::string out = "end, " + std::to_string(left) + " left: " + content;
    if (step.state == State::kInvalid) return std::string("invalid: ") + describe(step.error) + ": " + content;
    for (const Field& field : reader.trailers()) out += "|" + field.name + "=" + field.value;
    return out;
  };
  cuts.push_back(text.size());
  size_t at = 0;
  for (const size_t cut : cuts) {
    const std::vector<uint8_t> copy(text.begin() + static_cast<ptrdiff_t>(at),
                                    text.begin() + static_cast<ptrdiff_t>(cut));
    base::ByteView piece(copy);
    for (;;) {
      const BodyReader::Step step = reader.read(piece);
      content += base::as_text(step.content);
      piece = piece.subspan(step.taken);
      at += step.taken;
      if (step.state == State::kNeedMore) break;
      if (step.state != State::kContent) return tell(step, text.size() - at);
    }
  }
  if (ended) return tell(reader.ended(), 0);
  return "need more: " + content;
}

}  // namespace sluice::wire::test
