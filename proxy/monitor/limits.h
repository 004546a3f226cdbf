#pragma once
// Bounds of the endpoints for machines.
#include <cstddef>

namespace sluice::monitor {

constexpr size_t http_threads = 4;  // of one endpoint: scrapes and probes only

}  // namespace sluice::monitor
