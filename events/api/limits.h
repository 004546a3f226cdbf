#pragma once
// Bounds of the HTTP interface.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::api {

// Requests that are answered at the same time; each has a thread while it is.
constexpr size_t request_threads = 32;
// Connections that wait for a thread; then the kernel's queue fills, and further clients wait there.
constexpr size_t connections_waiting_max = 256;
constexpr int listen_backlog = 256;  // connections that wait there
// Live tails: each has a thread while it lasts.
constexpr size_t lasting_streams_max = 128;
constexpr int retry_seconds = 2;  // told to a client that came in vain

constexpr size_t path_bytes_max = 512;
constexpr size_t body_bytes_max = 1u << 20;  // the files of a policy; larger ones go through sluicectl
constexpr int read_seconds_max = 10;
constexpr int write_seconds_max = 30;
constexpr int keep_alive_seconds = 5;  // a waiting connection holds a thread
constexpr size_t keep_alive_requests_max = 1'000;

// A collector's page, as the interface it knows has it.
constexpr size_t collector_page_records_max = 10'000;
constexpr size_t collector_pages_running_max = 4;  // each holds up to 20 MB
constexpr int collector_wait_seconds = 5;          // told when nothing is left to read
constexpr std::chrono::milliseconds collector_budget{2'000};
constexpr size_t collector_skip_max = 50'000;  // `offset` of events/data
constexpr size_t cursor_name_bytes_max = 100;
// A cursor whose reader has not come back belongs to whoever asks next.
constexpr std::chrono::seconds cursor_lease{60};
// Buckets of the rate limit: tokens times endpoints; the stalest go first.
constexpr size_t rate_buckets_max = 4'096;

// What one request may take away at once; more is made as a file.
constexpr size_t direct_export_records_max = 10'000;
constexpr size_t exports_kept_max = 20;
constexpr uint64_t export_file_bytes_max = uint64_t{4} << 30;
constexpr std::chrono::hours export_kept{24};
constexpr size_t export_read_bytes = 64u << 10;

constexpr uint32_t tail_queue_records_max = 10'000;
// A viewer is fed this often, however many commits there are: waking it costs the writer.
constexpr std::chrono::milliseconds tail_gather{200};
// Lines that all tails share: as many as may wait for one of them.
constexpr size_t tail_lines_max = tail_queue_records_max;
constexpr uint32_t tail_read_records = 500;
constexpr std::chrono::milliseconds tail_wait{500};  // how soon a tail notices that the server stops
constexpr std::chrono::seconds tail_heartbeat{10};   // so that proxies between do not end it

constexpr size_t saved_queries_max = 500;
constexpr size_t saved_query_bytes_max = 32u << 10;

// Reads by one token with the same words within this time are one audit record.
constexpr std::chrono::minutes audit_joined{1};
constexpr size_t audit_remembered_max = 1'000;
constexpr size_t audit_target_bytes_max = 1'000;

}  // namespace sluice::api
