#pragma once
// Random records and random filters over a small pool of values, so that they often meet.
#include <random>

#include "events/store/filter.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::test {
using Random = std::mt19937_64;
// SLUICE_TEST_SEED, or a fresh seed; the caller prints it.
uint64_t random_seed();
events::v1::Record random_record(Random& random);
// With at most `depth` levels below the root.
store::Filter random_filter(Random& random, int depth);
}  // namespace sluice::test
