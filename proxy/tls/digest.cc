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

namespace {

std::string base64(base::ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int length =
      EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace

std::string websocket_key(uint64_t producer_id, uint64_t event_counter) {
  constexpr size_t key_bytes = 16;
  const Sha256 digest = sha256(base::as_bytes(std::to_string(producer_id) + "-" + std::to_string(event_counter)));
  return base64(base::ByteView(digest).first(key_bytes));
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<uint8_t, 20> digest{};
  unsigned length = 0;
  SLUICE_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) == 1);
  return base64(digest);
}

}  // namespace sluice::tls
