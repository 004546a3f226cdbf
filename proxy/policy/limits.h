#pragma once
// Limits of compiled policies. A decision works on bit sets of these sizes on the stack, so they are fixed.
#include <cstddef>
#include <cstdint>

namespace sluice::policy {

// RFC 1035 section 2.3.4: a name has at most 253 bytes as text, and so at most 127 labels.
constexpr size_t host_bytes_max = 253;
constexpr size_t label_bytes_max = 63;
constexpr size_t labels_max = 127;

// Rules of one ordered list. Four times the scale that the product promises.
constexpr size_t rules_max = 4096;
constexpr size_t url_lists_max = 1024;
constexpr size_t apps_max = 2048;
// Custom categories and those of the database together. UT1 has about 70, vendors' sets about 130.
constexpr size_t categories_max = 2048;
constexpr size_t steering_configurations_max = 256;

// A path entry longer than this is a mistake; requests may be longer.
constexpr size_t path_entry_bytes_max = 2048;
// What a regular expression sees of host and path; the head of a request has at most 16 KiB.
constexpr size_t regex_subject_bytes_max = 16 * 1024 + host_bytes_max;
// Memory of one compiled regex list; RE2 refuses a list that does not fit.
constexpr int64_t regex_list_memory_bytes_max = int64_t{64} << 20;
// Names that are compared without case: users, groups, process base names (255 on every common file system).
constexpr size_t word_bytes_max = 320;
// Names of rules and lists stand in events and log lines.
constexpr size_t name_bytes_max = 128;
// Text of one notification, shown on a block page.
constexpr size_t notification_bytes_max = 4096;

// One category database file; UT1's largest list has about 100 MB.
constexpr size_t category_file_bytes_max = size_t{512} << 20;
// A hash table of 8-byte slots at most half full holds this many in 256 MiB.
constexpr size_t category_domains_max = 16'000'000;
// One line per user.
constexpr size_t directory_file_bytes_max = size_t{64} << 20;

// Pairs of values that the lint compares for one pair of conditions: a millisecond.
constexpr size_t comparisons_max = 100'000;
// Findings told at once: more than a person repairs in one go.
constexpr size_t findings_max = 50;

}  // namespace sluice::policy
