#pragma once
// Bounds of the flow core, each with its unit and reason.
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"

namespace sluice::flow {

// Bytes a client may send ahead of our reply to CONNECT; the ClientHello is allowed 64 KiB, nothing honest sends more.
constexpr size_t early_bytes_max = size_t{64} * 1024;
// Bytes an origin that speaks first may send while we wait for the client; then its reading pauses.
constexpr size_t origin_first_bytes_max = size_t{16} * 1024;
// A steering client waits this long for an app's first words on ports where the origin may speak first.
constexpr base::Duration silent_client_wait{300};
// How long a refused client may take to read the answer and close: without it, our close could destroy the answer.
constexpr base::Duration refusal_linger{2'000};
// A long flow writes its counters this often, so that a crash loses at most this much of them.
constexpr base::Duration update_every{60'000};
// One metadata value of a steering client, still percent-encoded: a long path, no more.
constexpr size_t metadata_value_bytes_max = 1024;
// Between requests an origin's connection is kept this long: long enough for a page, short against memory.
constexpr base::Duration origin_idle_max{30'000};
// Streams that one client may have open in a decrypted HTTP/2 connection: a record, a request and two windows each.
constexpr uint32_t mux_streams_max = 1'000;
// Connections to an origin of HTTP/1.1 for one client of HTTP/2: as many as browsers open to one by themselves.
constexpr size_t mux_legs_max = 6;
// Bytes of HTTP/2 on their way to one side: enough for a socket, and below what makes a driver stop reading the other.
constexpr size_t outlet_bytes_max = size_t{32} * 1024;
// From saying that an HTTP/2 connection will end until new streams are refused: a round trip, generously.
constexpr base::Duration drain_notice{1'000};
// Both handshakes of a flow that is decrypted.
constexpr base::Duration handshakes_max{15'000};
// SOCKS5 greeting: methods (257), user and password (513), request (262).
constexpr size_t socks_bytes_max = 1'032;
// A stage up to this size lies in its machine, a larger one on the heap: Greeting, the first of each flow, just fits.
constexpr size_t stage_inline_bytes_max = 288;

}  // namespace sluice::flow
