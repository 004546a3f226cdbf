#pragma once
// Bounds of the drivers, each with its unit and reason.
#include <cstddef>

#include "proxy/base/time.h"

namespace sluice::drive {

// One buffer per worker, shared by all its flows: a flow that is quiet owns no buffer.
constexpr size_t copy_buffer_bytes = size_t{64} * 1024;
// Before a flow is spliced, one read takes this much: a head and a ClientHello.
constexpr size_t first_read_bytes_max = size_t{16} * 1024;
// Bytes that may wait for one side before the other is not read any more.
constexpr size_t unsent_bytes_max = size_t{64} * 1024;
// Sends of one turn are joined up to one TLS record: a head and a short body leave together.
constexpr size_t joined_send_bytes = size_t{16} * 1024;
// How long a client may take to read the last of them.
constexpr base::Duration flush_time_max{30'000};
// Moves of one direction before other flows get their turn.
constexpr int moves_per_turn_max = 16;
// Kernel pipes for bulk. 1 MiB moves as cheaply as copying never does; the kernel may grant less to an ordinary user.
constexpr size_t pipe_bytes = size_t{1} << 20;
constexpr size_t pipes_idle_max = 64;
// A pipe that moved less than this since its last wait goes back to the pool.
constexpr size_t pipe_keep_bytes = copy_buffer_bytes;

// A tunnel with flows that hears nothing for this long asks with a PING; without an answer it is dead: in 6 s.
constexpr base::Duration ping_after{4'000};
constexpr base::Duration ping_answer{2'000};  // or four round trips
// The answer is looked for so often in that time: a loop that was busy with other things for all of it has not
// listened.
constexpr int ping_looks = 4;
constexpr base::Duration idle_ping_after{20'000};  // without flows: thousands of idle clients must cost little
constexpr base::Duration probe_after{250};         // a new flow does not trust a longer silence
// Flows of one tunnel that begin in one turn, some 60 µs each: ten thousand at once must not silence the tunnel.
constexpr size_t requests_per_turn_max = 64;
// Handshakes: about 300 µs each; flows that are open must not wait longer than a few of them.
constexpr size_t handshakes_per_turn_max = 16;
constexpr size_t entrances_max = 1'024;  // handshakes that have begun, of one loop: 50 KiB each while they last
// Between the announcement of a drain and the GOAWAY that counts: streams that crossed it still get through.
constexpr base::Duration drain_notice{500};

// The steering client's end. New flows must find another PoP within 3 s.
constexpr base::Duration attempt_time{4'000};    // resolve, connect, handshake, first answer of one PoP
constexpr base::Duration attempt_stagger{300};   // before the next PoP is tried beside it
constexpr base::Duration tunnel_wait{3'000};     // a flow waits this long for a tunnel
constexpr base::Duration tunnel_retry{1'000};    // and this long for the next one, when its first was lost
constexpr base::Duration tunnel_doubt{500};      // without an answer it asks whether the PoP is alive
constexpr base::Duration tunnel_answer{15'000};  // and then for the PoP, which gives up a dial after 10 s
constexpr base::Duration back_off_min{500};      // after a round without answer: half of it and a random half
constexpr base::Duration back_off_max{30'000};
constexpr base::Duration demand_pause{1'000};     // a flow that asks starts a round, but not more often than this
constexpr base::Duration failure_memory{10'000};  // a PoP that failed is tried last for this long

// A client that only wants to know an address waits this long: the verdict is made without it then.
constexpr base::Duration lookup_wait{1'000};

// RFC 8305 section 8.
constexpr base::Duration resolution_delay{50};
constexpr base::Duration connection_attempt_delay{250};
constexpr size_t dial_attempts_max = 8;  // addresses tried for one flow

}  // namespace sluice::drive
