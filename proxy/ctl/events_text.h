#pragma once
// Text for a terminal: values that people read at a glance, and nothing that a terminal would obey.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::ctl {

// Controls, escape sequences, marks of writing direction and invisible characters become U+FFFD; so does what is no
// UTF-8.
std::string printable(std::string_view text);

// Columns that printable text takes on a terminal: two for East Asian wide characters and emoji.
size_t display_width(std::string_view printable_text);
// Cut to `columns` with an ellipsis, or filled up with spaces, on the left if `right_aligned`.
std::string fitted(std::string_view printable_text, size_t columns, bool right_aligned = false);

std::string human_bytes(uint64_t bytes);   // "517 B", "4.1 kB", "12 MB"
std::string human_duration(int64_t ms);    // "41 ms", "2.3 s", "4m 05s", "3h 12m", "2d 4h"
std::string human_count(uint64_t count);   // "1,234,567"
std::string local_time(int64_t epoch_ms);  // "2026-01-31 10:00:00" in the zone of this machine; "" for 0

}  // namespace sluice::ctl
