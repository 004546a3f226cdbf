#pragma once
// Times as people write them: epoch seconds or milliseconds, RFC 3339, and relative to now.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::query {

// The last millisecond of the year 9999; later times have no RFC 3339 text.
constexpr int64_t time_ms_max = 253'402'300'799'999;

// Epoch milliseconds of: up to 10 digits (epoch seconds), more digits (epoch milliseconds), "2026-01-31T10:00:00Z" with
// fraction, offset or without zone (UTC), "2026-01-31" (UTC), "now", "now-1h", "now+30m". None if it is none of these
// or outside 1970..9999.
std::optional<int64_t> parse_time(std::string_view text, int64_t now_ms);

// Milliseconds of "90s", "30m", "1h", "7d", "2w"; none if it is not such a span.
std::optional<int64_t> parse_span(std::string_view text);

// "2026-01-31T10:00:00.123Z"; clamped into 1970..9999.
std::string format_time(int64_t epoch_ms);

}  // namespace sluice::query
