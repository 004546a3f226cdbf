#pragma once
// EventIds: where event counters come from.
#include <cstdint>

namespace sluice::flow {

// One per producer, on its thread; outlives the flows that ask it.
class EventIds {
 public:
  // A counter that no other event of the producer has.
  virtual uint64_t next_event_counter() = 0;

 protected:
  virtual ~EventIds() = default;
};

}  // namespace sluice::flow
