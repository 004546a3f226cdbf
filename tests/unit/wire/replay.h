#pragma once
// Replays bytes through a parser in pieces: every split must give the answer of the whole. Shared with the fuzz
// targets.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/chunk.h"

namespace sluice::wire::test {

// Feeds the growing prefixes that end at `cuts` and then everything; the summary of the first answer that is not "need
// more". `make` gives a fresh feed function; each call gets its own exact copy of the bytes, so that the sanitizer sees
// a read past the end or of an earlier copy.
template <class Make, class Summarise>
std::string replay(base::ByteView bytes, std::vector<size_t> cuts, Make make, Summarise summarise) {
  auto feed = make();
  cuts.push_back(bytes.size());
  for (const size_t cut : cuts) {
    const std::vector<uint8_t> copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
    const auto parse = feed(base::ByteView(copy));
    if (!parse.is_need_more()) return summarise(parse);
  }
  return "need more";
}

inline std::vector<size_t> every_byte(size_t size) {
  std::vector<size_t> cuts;
  for (size_t i = 0; i < size; ++i) cuts.push_back(i);
  return cuts;
}

// The first split that changes the answer, for a message; nothing if there is none. Splits every `step` bytes.
template <class Make, class Summarise>
std::optional<std::string> split_difference(base::ByteView bytes, Make make, Summarise summarise, size_t step = 1) {
  const std::string whole = replay(bytes, {}, make, summarise);
  const std::string single = replay(bytes, every_byte(bytes.size()), make, summarise);
  if (single != whole) return "byte by byte: " + single + " but whole: " + whole;
  for (size_t cut = 0; cut < bytes.size(); cut += step) {
    const std::string split = replay(bytes, {cut}, make, summarise);
    if (split != whole) return "split at " + std::to_string(cut) + ": " + split + " but whole: " + whole;
  }
  return std::nullopt;
}

}  // namespace sluice::wire::test
