#pragma once
// Decodes a wire batch into what the store appends. Pure.
#include <string>

#include "events/store/event_store.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/ingest.pb.h"

namespace sluice::ingest {

struct Producer {
  uint64_t id = 0;
  std::string source;  // authenticated
  std::string observed_by;
  std::string tenant;  // of this store
};

// An error means damage of the batch as a whole (checksum, compression, framing): the producer sends it again, in
// halves if need be. A single record that cannot be stored becomes a dead letter within the batch.
base::Result<store::Batch> decode_batch(events::v1::PublishRequest::Batch& batch, const Producer& producer);

}  // namespace sluice::ingest
