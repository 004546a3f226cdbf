#pragma once
// SHA-256 (FIPS 180-4) and what is made of it.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/chunk.h"

namespace sluice::tls {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(base::ByteView bytes);
// 64 lower-case hex digits.
std::string sha256_hex(base::ByteView bytes);

// The JA4 fingerprint of its raw form JA4_r `a_ciphers_extensions[_signature-algorithms]` (proxy/wire/ja4.h): the lists
// become the first 12 hex digits of their SHA-256, or 000000000000 when empty. "" when `raw` has no such form.
std::string ja4(std::string_view raw);

}  // namespace sluice::tls
