#pragma once
// Bounds of the steering client, each with its unit and reason.
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"

namespace sluice::client {

// Processes asked first whether a socket is theirs: the few that open most connections (browsers, sync clients).
constexpr size_t recent_processes_max = 16;
// Descriptors looked at for one socket before it counts as nobody's: a loop must not stand still for a machine that has
// millions of them.
constexpr size_t descriptors_per_search_max = 200'000;
// PATH_MAX of Linux.
constexpr size_t executable_path_bytes_max = 4'096;

// Between two tries to reach the control service of any PoP: jittered, doubled each time.
constexpr base::Duration control_backoff_min{200};
constexpr base::Duration control_backoff_max{30'000};
// A policy with 100,000 URL-list entries has about 4 MB.
constexpr size_t last_good_bytes_max = size_t{64} << 20;

constexpr base::Duration spool_retry{100};     // between tries while the disk refuses
constexpr base::Duration store_drain{10'000};  // at shutdown, for the store to acknowledge; the rest is kept on disk

// The same refusal is shown once in this time: a page asks for a blocked host many times.
constexpr base::Duration notice_pause{10'000};
constexpr size_t notices_remembered_max = 256;
constexpr uint32_t notifiers_running_max = 8;  // hook processes at a time; above, notices are dropped

// What the packet filter shows: DNS over UDP fits into one packet of any usual link; a netlink message has attributes
// around it.
constexpr uint32_t shown_packet_bytes_max = 4'096;
constexpr size_t shown_message_bytes_max = 8'192;
// First packets of QUIC connections that wait for a verdict, each some 50 µs: a burst of a browser, not a flood.
constexpr uint32_t queued_packets_max = 1'024;
// A refused QUIC connection is one line although its program tries again for a while.
constexpr base::Duration quic_line_pause{5'000};
constexpr size_t quic_lines_remembered_max = 1'024;

// QUIC connections that pass and whose bytes are waited for; above, a record ends when its connection begins.
constexpr size_t datagram_flows_max = 4'096;
// The kernel forgets a silent one when it comes to it, a minute late or more; who asks hears of it now.
constexpr base::Duration datagram_look_every{5'000};
// Their counters are written this often, as those of other long flows are.
constexpr base::Duration datagram_update_every{60'000};

// Names learned from DNS answers: programs keep addresses longer than the TTL says, but an address moves on in the end.
constexpr base::Duration learned_name_min{600'000};
constexpr base::Duration learned_name_max{86'400'000};
constexpr size_t learned_names_max = 16'384;  // addresses; about 3 MiB

// Numbers under which the packet filter shows packets to this program: "sl" and "sm" as numbers nobody else uses.
constexpr uint16_t dns_log_group = 0x736c;
constexpr uint16_t quic_log_group = 0x736d;
constexpr uint16_t quic_passed_log_group = 0x736e;
constexpr uint16_t quic_queue = 0x736c;
// Marks of packets and connections of UDP 443: "slp+" passes, "slp-" does not.
constexpr uint32_t quic_passes_mark = 0x736c702b;
constexpr uint32_t quic_refused_mark = 0x736c702d;

// SO_MARK of the client's own connections, so that its capture leaves them alone: "slce" as a number nobody else uses.
constexpr uint32_t own_mark = 0x736c6365;

}  // namespace sluice::client
