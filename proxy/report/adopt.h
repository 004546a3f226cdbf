#pragma once
// Adoption: what a start does with the spools of producers that died.
#include <cstdint>

#include "proxy/base/result.h"
#include "proxy/report/spool_root.h"

namespace sluice::report {

struct AdoptReport {
  uint64_t spools = 0;            // adopted
  uint64_t locked = 0;            // left alone: their process lives
  uint64_t truncated_events = 0;  // open events that got a final record
  uint64_t torn_bytes = 0;        // cut from tails
  uint64_t damaged_bytes = 0;     // skipped in the middle
};

// Takes over every unlocked producer directory: cuts the torn tail, writes a final record (STATE_TRUNCATED,
// PRODUCER_CRASH) for each event whose last record is open, and leaves the spool to the shipper under its old id.
// Call once at start, before the shipper. A directory that cannot be read is an error: nothing of it is deleted.
base::Result<AdoptReport> adopt_spools(SpoolRoot& root);

}  // namespace sluice::report
