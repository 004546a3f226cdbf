#pragma once
// How a fuzz target cuts its input: the first two bytes choose a split, the rest is what the parser sees.
#include <cstdint>
#include <utility>

#include "proxy/base/assert.h"
#include "tests/unit/wire/replay.h"

namespace sluice::wire::test {

// Fed whole, split once and (while short enough to stay quick) byte by byte: one answer.
template <class Make, class Summarise>
void check_splits(base::ByteView input, Make make, Summarise summarise) {
  constexpr size_t split_bytes = 2;
  constexpr size_t every_byte_max = 400;
  if (input.size() < split_bytes) return;
  const size_t choice = static_cast<size_t>(input[0]) << 8 | input[1];
  const base::ByteView bytes = input.subspan(split_bytes);
  const std::string whole = replay(bytes, {}, make, summarise);
  SLUICE_ASSERT(replay(bytes, {choice % (bytes.size() + 1)}, make, summarise) == whole);
  if (bytes.size() <= every_byte_max) SLUICE_ASSERT(replay(bytes, every_byte(bytes.size()), make, summarise) == whole);
}

}  // namespace sluice::wire::test
