#pragma once
// Limits of everything that reads configuration files.
#include <cstddef>
#include <cstdint>

namespace sluice::config {

// The largest expected file is a tenant policy with 100,000 URL-list entries, about 4 MB.
constexpr size_t file_bytes_max = size_t{16} << 20;
// Our messages nest less than ten deep; bounds the recursion of parser and loader.
constexpr size_t depth_max = 64;
// Values of one file, aliases counted as often as they are used, so that they cannot multiply without end.
constexpr size_t nodes_max = 1'000'000;
// Text of one file after aliases are followed.
constexpr size_t text_bytes_max = 4 * file_bytes_max;
// Errors collected before giving up: more than a person fixes in one go.
constexpr size_t problems_max = 20;
// Keys and values are quoted in errors up to this length.
constexpr size_t quoted_bytes_max = 64;
// A key of a map field is a host name or shorter.
constexpr size_t map_key_bytes_max = 256;

// A worker is a thread with its own loop; more than this is a typing mistake.
constexpr uint32_t workers_max = 256;
constexpr uint32_t flows_max = 1'000'000;
// A day: longer waits are a typing mistake in the unit.
constexpr uint32_t timeout_ms_max = 24 * 60 * 60 * 1000;
// Less would not hold one spool segment per worker.
constexpr uint64_t spool_bytes_min = uint64_t{1} << 20;
// Less would rename the client's log after a few hundred decisions.
constexpr uint64_t client_log_bytes_min = uint64_t{64} << 10;
constexpr uint32_t client_logs_kept_max = 1'000;
constexpr uint32_t retention_days_max = 36'500;
// Of one collector: more than this would not limit anything.
constexpr uint32_t http_requests_per_second_max = 1'000;
// sun_path of a unix socket address without its terminating zero.
constexpr size_t unix_socket_path_bytes_max = 107;
// Names go into events, metrics and the proxy-status header.
constexpr size_t name_bytes_max = 64;

}  // namespace sluice::config
