#pragma once
// Bounds of the network layer, each with its unit and reason.
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"

namespace sluice::net {

constexpr int poll_events_max = 256;      // events taken per turn: keeps a turn short, so that records are written soon
constexpr int accepts_per_turn_max = 64;  // a flood of new connections must not starve the flows already open
constexpr int listen_backlog = 4096;      // connections; the kernel caps it at net.core.somaxconn
constexpr base::Duration accept_pause{100};  // after EMFILE: descriptors come back when flows end, not by asking again

constexpr base::Duration wheel_tick{16};  // deadlines are met this late at worst; the shortest one we have is 50 ms
constexpr size_t wheel_slots = 2048;      // times tick = 32 s a round; longer deadlines go round again

constexpr base::Duration dns_ttl_min{1000};        // /etc/hosts has no TTL, and TTL 0 must not mean a query per flow
constexpr base::Duration dns_ttl_max{300'000};     // a wrong answer does not stay longer than this
constexpr base::Duration dns_negative_ttl{5'000};  // NXDOMAIN and empty answers (RFC 2308 asks for the SOA; capped low)
constexpr base::Duration dns_failure_ttl{1'000};   // servers that do not answer are asked again soon
constexpr size_t dns_cache_entries_max = 16'384;   // names; about 3 MiB a worker
constexpr size_t dns_addresses_max = 16;           // kept per answer: nobody races more
constexpr int dns_timeout_ms = 2'000;              // first try of one server, doubled by c-ares on the second
constexpr int dns_tries = 2;
constexpr size_t dns_queries_max = 4'096;  // in flight per worker; above, names fail at once

}  // namespace sluice::net
