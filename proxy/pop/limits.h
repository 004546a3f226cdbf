#pragma once
// Bounds of the PoP, each with its unit and reason.
#include <cstddef>

#include "proxy/base/time.h"

namespace sluice::pop {

constexpr base::Duration spool_retry{100};           // between tries while the disk refuses
constexpr size_t reconfigured_per_turn_max = 1'000;  // flows that hear of a reload in one turn: about a millisecond
constexpr base::Duration store_drain{10'000};  // at shutdown, for the store to acknowledge; the rest is kept on disk
constexpr base::Duration password_memory{60'000};    // a checked password is believed this long (bcrypt costs 50 ms)
constexpr size_t passwords_remembered_max = 10'000;  // per worker; 40 bytes each
constexpr size_t password_checks_max = 64;           // in flight per worker; above, authentication fails at once
// Connections that become no tunnel are logged this often per worker.
constexpr base::Duration turned_away_log_every{1'000};

}  // namespace sluice::pop
