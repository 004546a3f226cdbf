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
// Connections of balancers that have not said yet whose they are, of one worker.
constexpr size_t introductions_max = 1'024;

// ---- control service
constexpr size_t flow_notices_max = 1'024;                 // waiting to be told; a block storm is no reason to grow
constexpr size_t flows_told_max = 4'096;                   // remembered, so that a flow is told once
constexpr base::Duration leaf_keys_every{24 * 3'600'000};  // of what clients are shown: a stolen one is soon worthless
constexpr base::Duration tend_interval_max{1'000};         // wall clocks jump: what is due is looked for this often
constexpr size_t notices_per_client_max = 64;              // waiting for one client that is slow
// Devices that are known with what they said and applied, connected or not: about 1 KiB each.
constexpr size_t clients_remembered_max = 50'000;
constexpr size_t device_fact_bytes_max = 256;  // each text that a device says of itself
constexpr size_t control_streams_max = 40'000;
// WatchConfig, and Publish for each spool: that of the run and eight adopted ones; twice that while it reconnects.
constexpr size_t control_streams_per_device_max = 32;
constexpr size_t control_message_slack_bytes = 64u << 10;  // of a Batch beside its payload
// A client that went away without a word is noticed in the sum of both.
constexpr base::Duration control_keepalive_interval{20'000};
constexpr base::Duration control_keepalive_timeout{10'000};
constexpr base::Duration control_ping_min{4'000};          // clients ping every 5 s; more often is abuse
constexpr base::Duration control_stop_grace{2'000};        // for streams to hear that the PoP stops
constexpr base::Duration forgery_notice_interval{60'000};  // between two alarms about one device
constexpr size_t forgers_remembered_max = 1'000;
// ---- administration
constexpr size_t policy_versions_max = 200;                // kept in the state folder; the oldest go
constexpr size_t state_file_bytes_max = size_t{16} << 20;  // as large as a policy file may be
constexpr int timed_bypasses_max = 1'000;                  // each is a rule that every decision looks at
constexpr base::Duration timed_bypass_max{std::chrono::hours{7 * 24}};
constexpr size_t remark_bytes_max = 256;                      // reasons and actors stand in audit records
constexpr size_t admin_message_bytes_max = size_t{64} << 20;  // a folder of policy files

constexpr size_t pem_file_bytes_max = 1u << 20;  // a bundle of a hundred certificates is a fifth of it

}  // namespace sluice::pop
