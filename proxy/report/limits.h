#pragma once
// Bounds of spool, wire batches and shipper. Every buffer, queue and wait of this folder is one of these.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::report {

// One record, serialized. The builder cuts texts so that an event always fits.
inline constexpr size_t record_bytes_max = 64 * 1024;
// Any one text of an event; at most twenty of them come from others, so an event stays under record_bytes_max.
inline constexpr size_t text_bytes_max = 2 * 1024;
// HTML smaller than this is no page: redirects, frames of advertisements, errors.
inline constexpr uint64_t page_bytes_min = 3 * 1024;
// Events of one worker that are open for more requests, pages and roll-ups each: some 2 KiB each.
inline constexpr size_t open_pages_max = 10'000;
// Payload of one frame: what a reader accepts, so that a damaged length cannot make it allocate without bound.
inline constexpr size_t frame_bytes_max = 16 * 1024 * 1024;
// A writer begins a new frame beyond this, so that a damaged byte costs little and readers need small buffers.
inline constexpr size_t frame_bytes_target = 256 * 1024;
// Payload of one wire batch before compression: what the shipper aims at, and what a store accepts.
inline constexpr size_t batch_bytes_target = 1024 * 1024;
inline constexpr size_t batch_bytes_max = 4 * 1024 * 1024;
// Records of one wire batch: throughput no longer grows beyond a thousand; a batch of empty entries that stands for a
// hole may be longer, because an empty entry is three bytes.
inline constexpr uint32_t batch_records_target = 1000;
inline constexpr uint32_t batch_records_max = 16 * 1024;
// Smaller payloads do not pay for compression.
inline constexpr size_t compress_bytes_min = 512;

// A new segment file is begun beyond this; whole segments are what is trimmed and dropped.
inline constexpr uint64_t segment_bytes_default = 64ull * 1024 * 1024;
inline constexpr uint64_t spool_bytes_default = 4ull * 1024 * 1024 * 1024;
// A spool this small could not hold the reserve for final records.
inline constexpr uint64_t spool_bytes_min = 64 * 1024;
// Share of the spool kept for records of flows already admitted: one eighth.
inline constexpr uint64_t spool_reserve_divisor = 8;
// Records waiting in memory while the disk refuses them; beyond, they are dropped and leave a hole.
inline constexpr size_t pending_bytes_max = 8 * 1024 * 1024;
// The alarm is raised at 80 % and may be raised again after the spool fell below 70 %.
inline constexpr uint64_t alarm_percent = 80;
inline constexpr uint64_t alarm_rearm_percent = 70;

// Bound of what a power loss may take: whichever comes first.
inline constexpr std::chrono::milliseconds sync_interval_default{50};
inline constexpr uint64_t sync_records_max = 1000;

// Unacknowledged payload when the store names no window, and the most we obey.
inline constexpr uint64_t window_bytes_default = 16ull * 1024 * 1024;
inline constexpr uint64_t window_bytes_max = 64ull * 1024 * 1024;
// Adopted spools shipped at the same time, so that a crash loop does not open a stream for each of its runs.
inline constexpr size_t adopted_streams_max = 8;
// Reconnects: jittered, doubled each time, for ever.
inline constexpr std::chrono::milliseconds backoff_min{200};
inline constexpr std::chrono::milliseconds backoff_max{30'000};
// A store that holds batches this long without an answer is taken for dead.
inline constexpr std::chrono::milliseconds ack_timeout{60'000};
inline constexpr std::chrono::milliseconds keepalive_interval{30'000};
inline constexpr std::chrono::milliseconds keepalive_timeout{10'000};
inline constexpr std::chrono::milliseconds connect_timeout{10'000};

}  // namespace sluice::report
