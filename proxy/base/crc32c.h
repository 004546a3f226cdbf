#pragma once
// CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the CPU's instruction where there is one.
#include <cstdint>

#include "proxy/base/chunk.h"

namespace sluice::base {
// Start with 0; feed the result of one run as `crc` of the next to checksum a concatenation.
uint32_t crc32c(ByteView bytes, uint32_t crc = 0);
}  // namespace sluice::base
