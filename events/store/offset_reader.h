#pragma once
// Reads finals in the order of their store offsets, merging the day files' blocks.
#include <cstdint>

#include "events/store/event_store.h"
#include "events/store/reader_pool.h"
#include "events/store/store_view.h"

namespace sluice::store {

// At most `limit` records and page_bytes_max above `after_offset`. On the caller's thread.
base::Result<OffsetPage, ReadError> read_offsets(ReaderPool& pool, const StoreView& view, uint64_t after_offset,
                                                 uint32_t limit);

}  // namespace sluice::store
