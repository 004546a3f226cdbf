#include "events/store/event_store.h"

#include <google/protobuf/arena.h>

namespace sluice::store {

// Here, because the header knows Arena by name only.
Batch::Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;

}  // namespace sluice::store
