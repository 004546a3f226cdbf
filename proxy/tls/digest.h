#pragma once
// Digests (FIPS 180-4) and what is made of them.
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

// A Sec-WebSocket-Key of our own (RFC 6455 section 4.1): 16 bytes in base64 that no other exchange of ours has. Origins
// only look whether it comes back.
std::string websocket_key(uint64_t producer_id, uint64_t event_counter);
// The Sec-WebSocket-Accept that answers `key` (section 4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace sluice::tls
