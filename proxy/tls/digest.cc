#include "proxy/tls/digest.h"

#include <openssl/evp.h>

#include "proxy/base/assert.h"

namespace sluice::tls {

Sha256 sha256(base::ByteView bytes) {
  Sha256 digest{};
  unsigned length = 0;
  SLUICE_ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  SLUICE_ASSERT(length == digest.size());
  return digest;
}

std::string sha256_hex(base::ByteView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : sha256(bytes)) {
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

std::string ja4(std::string_view raw) {
  constexpr size_t hash_digits = 12;
  const auto hash = [&](std::string_view list) {
    return list.empty() ? std::string(hash_digits, '0') : sha256_hex(base::as_bytes(list)).substr(0, hash_digits);
  };
  const size_t first = raw.find('_');
  if (first == std::string_view::npos || first == 0) return "";
  const size_t second = raw.find('_', first + 1);
  if (second == std::string_view::npos) return "";
  const std::string_view ciphers = raw.substr(first + 1, second - first - 1);
  return std::string(raw.substr(0, first)) + "_" + hash(ciphers) + "_" + hash(raw.substr(second + 1));
}

}  // namespace sluice::tls
