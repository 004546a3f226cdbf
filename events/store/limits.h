#pragma once
// Limits of the store, each with its reason.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::store {

// One commit: enough to make the two fsyncs of a commit cheap per record, few enough that a commit takes well under a
// second on a slow disk.
inline constexpr size_t group_records_max = 10'000;
// A commit waits this long for company while less than group_records_enough is queued: producers flush every 50 ms, so
// this joins several of them without adding visible delay.
inline constexpr std::chrono::milliseconds group_linger{10};
inline constexpr size_t group_records_enough = 2'000;
// What may wait for the writer before producers are no longer read. Two commits' worth: one runs, one is ready.
inline constexpr size_t writer_queue_records_max = 20'000;
inline constexpr size_t writer_queue_bytes_max = 64u << 20;

// A record over this is a dead letter: page events carry no bodies, the largest real ones (long URL and lists) are a
// tenth of it.
inline constexpr size_t record_bytes_max = 64u << 10;
inline constexpr size_t event_id_bytes_max = 64;
// Kept of a dead letter for whoever has to explain it.
inline constexpr size_t dead_letter_bytes_max = 4u << 10;
inline constexpr int64_t dead_letters_max = 10'000;
// Open events of one producer: a PoP worker's flow limit is 20,000; more means that finals are not coming.
inline constexpr uint64_t open_events_per_producer_max = 200'000;

// Records compressed together. More saves little space; each search result may cost decompressing one block.
inline constexpr size_t block_records_max = 128;
inline constexpr size_t block_bytes_max = 256u << 10;
inline constexpr int block_zstd_level = 1;

// Event time is trusted this far from the time of arrival when the day file is chosen.
inline constexpr int64_t day_clamp_ms = int64_t{7} * 24 * 3600 * 1000;
// Day files the writer keeps open: today, yesterday, and two for late spools.
inline constexpr size_t day_writers_open_max = 4;
inline constexpr int write_cache_kib = 64 << 10;  // the slots of indexes that events fall into now, many times over
inline constexpr int read_cache_kib = 16 << 10;
// The log is copied into the file at this size: large, because hot pages are then copied once for many commits.
inline constexpr int wal_checkpoint_pages = 16'384;
inline constexpr int64_t wal_bytes_kept = int64_t{64} << 20;  // of a log that one large commit made longer
// How long after a failed write the next attempt may be: short, because nothing is acknowledged meanwhile.
inline constexpr std::chrono::milliseconds write_retry{1'000};
inline constexpr int busy_timeout_ms = 5'000;

inline constexpr uint32_t search_records_max = 1'000;
// Fits a gRPC client's default message limit of 4 MiB.
inline constexpr size_t page_bytes_max = 3u << 20;
// Searches at the same time; each uses a core.
inline constexpr int searches_max = 4;
inline constexpr size_t idle_readers_max = 64;  // read connections kept for the next search
inline constexpr size_t block_cache_blocks = 16;
// SQLite asks "go on?" after this many of its instructions: some tens of microseconds.
inline constexpr int progress_instructions = 10'000;
// The first stretch of time a search looks at holds about this many rows; it then adapts to how long each took.
inline constexpr int64_t search_window_rows = 100'000;
inline constexpr std::chrono::milliseconds search_window_short{50};
inline constexpr std::chrono::milliseconds search_window_long{250};

// Roll-ups wait in memory until they count this many events or keep this many values (about 200 bytes each): written
// seldom, because a value costs the same however many events it counts, and after a crash these events are read again.
inline constexpr size_t rollup_events_max = 200'000;
inline constexpr size_t rollup_entries_max = 200'000;
inline constexpr int64_t rollup_replay_blocks = 1'000;  // read at once while they are made again

// Groups that one aggregate keeps in memory; events of further ones are counted together.
inline constexpr size_t aggregate_groups_max = 100'000;
inline constexpr size_t aggregate_group_fields_max = 3;
inline constexpr size_t aggregate_metrics_max = 10;
// Rows between two looks at the clock while records are decoded.
inline constexpr uint32_t aggregate_clock_rows = 256;
// A search that spans more minutes of one file (wrong clocks) does not ask roll-ups which of them it may pass over.
inline constexpr int64_t narrowing_minutes_max = 30 * 24 * 60;
// Values that a search in names looks up in an index, one after the other; of more a look at all rows meets enough.
inline constexpr size_t narrowing_values_max = 500;
// How often a reader tries again when the writer has just moved roll-ups from memory to the file.
inline constexpr int rollup_tries_max = 100;

// Days are compacted when they have been over for this long: late spools are in by then, and nobody writes to the file.
inline constexpr int64_t compaction_age_ms = int64_t{24} * 3600 * 1000;
// Blocks looked at, and then replaced in one transaction of the writer thread: some milliseconds. More than the blocks
// that one block can be joined from.
inline constexpr int64_t compaction_blocks = 256;
static_assert(compaction_blocks > static_cast<int64_t>(block_records_max));
inline constexpr int64_t compaction_pages = 1'000;  // given back to the system at once, also some milliseconds

// A producer is forgotten this long after its last record: twice the age that a spool may reach.
inline constexpr int64_t producer_kept_ms = int64_t{60} * 24 * 3600 * 1000;
// Producers named in stats().
inline constexpr size_t stats_producers_max = 1'000;
// How long stats() waits for the writer thread.
inline constexpr std::chrono::milliseconds stats_wait{2'000};

}  // namespace sluice::store
