#include "events/store/event_store.h"

#include <google/protobuf/arena.h>

namespace sluice::store {

// Here, because the header knows Arena by name only.
Batch::Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;

std::vector<SharedRecord> Subscription::Update::records() const {
  std::vector<SharedRecord> all;
  for (const Piece& piece : pieces) {
    all.insert(all.end(), piece.records->begin() + static_cast<ptrdiff_t>(piece.first), piece.records->end());
  }
  return all;
}

}  // namespace sluice::store
