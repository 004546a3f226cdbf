#pragma once
// Bounds of filters and their SQL.
#include <cstddef>
#include <cstdint>

namespace sluice::store {
// Memory of one compiled expression: enough for alternations of hundreds of hosts, little enough for hundreds of
// queries.
constexpr int64_t regex_bytes_max = 1 << 20;
// Terms of one AND or OR chain before it is grouped: SQLite refuses expressions deeper than 1,000.
constexpr size_t sql_chain_terms = 50;
}  // namespace sluice::store
