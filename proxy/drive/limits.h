#pragma once
// Bounds of the drivers, each with its unit and reason.
#include <cstddef>

#include "proxy/base/time.h"

namespace sluice::drive {

// One buffer per worker, shared by all its flows: a flow that is quiet owns no buffer.
constexpr size_t copy_buffer_bytes = size_t{64} * 1024;
// Before a flow is spliced, one read takes this much: a head and a ClientHello.
constexpr size_t first_read_bytes_max = size_t{16} * 1024;
// Moves of one direction before other flows get their turn.
constexpr int moves_per_turn_max = 16;
// Kernel pipes for bulk. 1 MiB moves as cheaply as copying never does; the kernel may grant less to an ordinary user.
constexpr size_t pipe_bytes = size_t{1} << 20;
constexpr size_t pipes_idle_max = 64;
// A pipe that moved less than this since its last wait goes back to the pool.
constexpr size_t pipe_keep_bytes = copy_buffer_bytes;

// RFC 8305 section 8.
constexpr base::Duration resolution_delay{50};
constexpr base::Duration connection_attempt_delay{250};
constexpr size_t dial_attempts_max = 8;  // addresses tried for one flow

}  // namespace sluice::drive
