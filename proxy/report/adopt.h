#pragma once
// Adoption: what a start does with the spools of producers that died.
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/report/spool_root.h"

namespace sluice::report {

struct AdoptReport {
  uint64_t spools = 0;            // adopted
  uint64_t locked = 0;            // left alone: their process lives
  uint64_t truncated_events = 0;  // open events that got a final record
  uint64_t torn_bytes = 0;        // cut from tails
  uint64_t damaged_bytes = 0;     // skipped in the middle; the records they held reach the store as gaps
  // Directories that could not be read or completed, one sentence each. What could be read of them is shipped, nothing
  // that was not shipped is deleted, and the next start tries again.
  std::vector<std::string> problems;
};

// Takes over every unlocked producer directory: cuts the torn tail, writes a final record (STATE_TRUNCATED,
// PRODUCER_CRASH) for each event whose last record is open, and leaves the spool to the shipper under its old id.
// Call once at start, before the shipper. Fails only if the spool directory itself cannot be listed.
base::Result<AdoptReport> adopt_spools(SpoolRoot& root);

}  // namespace sluice::report
