#pragma once
// Limits of ingest, each with its reason.
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/report/limits.h"

namespace sluice::ingest {

// Payload that one producer may have unacknowledged: several full batches, so that the next ones travel while one is
// committed.
inline constexpr uint64_t window_bytes = 8u << 20;
// Decompressed bytes that one stream may have with the writer before it is no longer read, however well they compress.
inline constexpr uint64_t pending_bytes_max = 16u << 20;
inline constexpr size_t message_bytes_max = report::batch_bytes_max + (64u << 10);
// Streams at the same time: devices behind PoPs included.
inline constexpr size_t streams_max = 20'000;
// A sequence above this is nonsense: it must fit a signed column.
inline constexpr uint64_t sequence_max = uint64_t{1} << 62;
inline constexpr size_t name_bytes_max = 256;  // observed_by, certificate names
// A producer whose host went away without a word is noticed in the sum of both.
inline constexpr std::chrono::milliseconds keepalive_interval{30'000};
inline constexpr std::chrono::milliseconds keepalive_timeout{10'000};
// Producers ping every 30 s; more often than this is abuse.
inline constexpr std::chrono::milliseconds ping_interval_min{10'000};
// How long streams may take to hear that the store stops.
inline constexpr std::chrono::milliseconds stop_grace{5'000};

}  // namespace sluice::ingest
