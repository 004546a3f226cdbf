#pragma once
// Bounds of queries and of the Query service.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::query {
// Text of one query; as long as the filters of the large log explorers, and far below any message limit.
constexpr size_t query_bytes_max = 20'000;
// Parentheses and `not` inside each other; the parser, the matcher and SQL recurse this deep.
constexpr size_t query_depth_max = 16;
// Comparisons of one query: each is evaluated for every record that a search reads.
constexpr size_t query_comparisons_max = 500;
// Values of all comparisons together; below the number of parameters that one SQL statement may bind (32,766).
constexpr size_t query_values_max = 2'000;
// Expressions of one query: each may hold store::regex_bytes_max of memory.
constexpr size_t query_regexes_max = 16;

// Records of one Search answer.
constexpr uint32_t page_size_default = 100;
constexpr uint32_t page_size_max = 1'000;
// Time one Search may take before it answers with what it has.
constexpr std::chrono::milliseconds search_budget_ms{2'000};
// Searches that run at the same time; further ones are told to come back.
constexpr size_t searches_running_max = 4;
// Searches that wait for a free worker; the next one is refused, because its caller would only time out.
constexpr size_t searches_waiting_max = 64;
// Aggregates: fields, metrics and groups of one answer, so that it stays below 4 MiB.
constexpr size_t group_by_max = 3;
constexpr size_t metrics_max = 10;
constexpr uint32_t groups_default = 100;
constexpr uint32_t groups_max = 10'000;
// Fields of one FieldValues: each needs its groups in memory.
constexpr size_t value_fields_max = 20;
constexpr uint32_t values_default = 10;
constexpr uint32_t values_max = 1'000;
// A histogram that fits a screen, and the most that one may ask for.
constexpr int64_t histogram_buckets_wanted = 96;
constexpr size_t histogram_buckets_max = 2'000;
// Tokens of one store, and what names one.
constexpr size_t tokens_max = 1'000;
constexpr size_t token_name_bytes_max = 100;
// Streams of Tail at the same time: each holds a queue of tail_queue_records_max records.
constexpr size_t tails_max = 64;
// Threads that serve all Tails; one step of a Tail is short.
constexpr size_t tail_threads = 2;
// Records that wait for one slow reader of Tail before it misses some.
constexpr uint32_t tail_queue_records_max = 10'000;
// Records of one Tail answer, and the bytes behind which another begins, so that a message stays far below 4 MiB.
constexpr size_t tail_records_per_answer_max = 500;
constexpr size_t tail_text_bytes = 1u << 20;
// Records of commits whose texts are kept for other tails: more than a slow one may lag behind.
constexpr size_t tail_texts_records_max = 20'000;
// Records read at once while a Tail catches up from an old offset.
constexpr uint32_t tail_catch_up_records = 1'000;
}  // namespace sluice::query
