#pragma once
// Bounds of messages, of HTTP/2 and of tunnels, each with its unit and reason.
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"

namespace sluice::http {

// Fields of one CONNECT or of its answer, names included: the authority and nine metadata values of 1 KiB fit.
constexpr size_t fields_bytes_max = size_t{16} * 1024;
// A header block beyond this is not decoded to its end.
constexpr size_t fields_decoded_bytes_max = size_t{64} * 1024;
// CONTINUATION frames behind one HEADERS: a legal block of 16 KiB needs one.
constexpr size_t continuations_max = 4;
// Streams of one connection whose end is remembered: more than a peer can have on their way to us.
constexpr size_t stream_history_max = 512;
// Entries of one SETTINGS frame: six are defined.
constexpr size_t settings_entries_max = 32;

// Fields of one inspected message, counted as SETTINGS_MAX_HEADER_LIST_SIZE does (32 bytes more per field). A request
// of HTTP/1 may have 16 KiB in 200 fields: the same fits. Responses carry long policies (CSP); trailers are few.
constexpr size_t request_list_bytes_max = size_t{24} * 1024;
constexpr size_t response_list_bytes_max = size_t{64} * 1024;
constexpr size_t trailer_list_bytes_max = size_t{16} * 1024;

// Interim responses to one request of HTTP/1, where they cost their sender nothing: progress and early hints are a few.
// HTTP/2 counts them among its idle frames.
constexpr size_t interim_responses_max = 100;

// What a stream may send ahead of our reading, to begin with; grows by doubling while its reader keeps up.
constexpr int32_t stream_window_bytes = 128 * 1024;
constexpr int32_t stream_window_bytes_max = 4 * 1024 * 1024;  // 400 Mbit/s at 80 ms
constexpr int32_t connection_window_bytes = 1024 * 1024;
constexpr int32_t connection_window_bytes_max = 16 * 1024 * 1024;  // 1.6 Gbit/s at 80 ms
// Bytes of all streams that wait to be read. Above it the whole tunnel waits: thousands of stalled flows, not a few.
constexpr size_t received_bytes_max = size_t{32} << 20;
// Bytes of an inspected connection that were handed out and have not left for the other peer. Above it the whole
// connection waits: dozens of stalled streams, not a few.
constexpr size_t unconsumed_bytes_max = size_t{8} << 20;
constexpr int32_t inspected_window_bytes_max = 4 * 1024 * 1024;  // of the connection: 400 Mbit/s at 80 ms

// Bytes that one stream may have waiting for the peer's window or for the socket.
constexpr size_t unsent_bytes_max = size_t{64} * 1024;
// While all streams together have more than this waiting, each may only have unsent_crowded_bytes_max.
constexpr size_t unsent_total_bytes = size_t{8} << 20;
constexpr size_t unsent_crowded_bytes_max = size_t{4} * 1024;
// Payload of our DATA frames: with the frame's head it fills a TLS record.
constexpr size_t data_bytes_max = size_t{16} * 1024 - 9;

// Received content is joined with what came just before it on the same stream while that is less than this.
constexpr size_t joined_data_bytes_max = size_t{4} * 1024;
// A DATA frame that the peer's window cut to less than this earns the peer no permission for an idle frame: it would
// pay for the next window of one byte.
constexpr size_t useful_data_bytes_min = 512;

// Towards origins of HTTP/1.1, which know no windows: bytes that were handed out and have not left for the client.
// Above it reading stops.
constexpr size_t unread_bytes_max = size_t{64} * 1024;
// Frames that move no flow on (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, ...): this many at once and per
// second; each DATA frame either way allows one more.
constexpr int64_t idle_frames_burst_max = 4'000;
constexpr int64_t idle_frames_per_second = 1'000;
// Streams that the peer resets before they were answered, or that we reset because of it.
constexpr int64_t resets_burst_max = 1'000;
constexpr int64_t resets_per_second = 100;
// Answers to PING and SETTINGS that wait for a peer that does not read.
constexpr size_t acknowledgements_max = 100;

// A round trip shorter than a tick of the clock.
constexpr base::Duration round_trip_min{1};
// A busy tunnel measures its round trip this often.
constexpr base::Duration round_trip_every{10'000};

}  // namespace sluice::http
