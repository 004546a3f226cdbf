#pragma once
// Builds ClientHellos byte by byte, right and wrong ones.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire::test {

using Bytes = std::vector<uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Bytes u8(size_t value) {
  return {static_cast<uint8_t>(value)};
}
inline Bytes u16(size_t value) {
  return u8(value >> 8) + u8(value);
}
inline Bytes u24(size_t value) {
  return u8(value >> 16) + u16(value);
}
inline Bytes text(std::string_view value) {
  return Bytes(value.begin(), value.end());
}
inline Bytes numbers(const std::vector<uint16_t>& values) {
  Bytes out;
  for (const uint16_t value : values) out = out + u16(value);
  return out;
}
inline Bytes vector8(const Bytes& body) {
  return u8(body.size()) + body;
}
inline Bytes vector16(const Bytes& body) {
  return u16(body.size()) + body;
}

inline Bytes extension(uint16_t type, const Bytes& body) {
  return u16(type) + vector16(body);
}
inline Bytes server_name(std::string_view name) {
  return extension(0, vector16(u8(0) + vector16(text(name))));
}
inline Bytes alpn(const std::vector<std::string_view>& names) {
  Bytes list;
  for (const std::string_view name : names) list = list + vector8(text(name));
  return extension(0x10, vector16(list));
}
inline Bytes supported_versions(const std::vector<uint16_t>& versions) {
  return extension(0x2b, vector8(numbers(versions)));
}
inline Bytes groups(const std::vector<uint16_t>& values) {
  return extension(0x0a, vector16(numbers(values)));
}
inline Bytes signature_algorithms(const std::vector<uint16_t>& values) {
  return extension(0x0d, vector16(numbers(values)));
}
inline Bytes key_share(uint16_t group, size_t size) {
  return u16(group) + vector16(Bytes(size, 0x5a));
}
inline Bytes ech_outer() {
  return extension(0xfe0d, u8(0) + u16(1) + u16(1) + u8(7) + vector16(Bytes(32, 1)) + vector16(Bytes(208, 2)));
}

// The parts of a ClientHello; the defaults make a small valid one.
struct HelloSpec {
  uint16_t legacy_version = 0x0303;
  Bytes session_id = Bytes(32, 0x11);
  std::vector<uint16_t> cipher_suites{0x1301, 0x1302};
  Bytes compressions{0};
  Bytes extensions;  // one after another
  bool extension_block = true;
  Bytes tail;  // inside the message, behind everything

  Bytes body() const {
    Bytes out = u16(legacy_version) + Bytes(32, 0x22) + vector8(session_id) + vector16(numbers(cipher_suites)) +
                vector8(compressions);
    if (extension_block) out = out + vector16(extensions);
    return out + tail;
  }
  Bytes message() const { return u8(1) + u24(body().size()) + body(); }
};

inline Bytes record(const Bytes& payload) {
  return u8(22) + u16(0x0301) + vector16(payload);
}

// The message in records of at most `size` bytes.
inline Bytes records_of(const Bytes& message, size_t size) {
  Bytes out;
  for (size_t at = 0; at < message.size(); at += size) {
    const auto begin = message.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(size, message.size() - at));
    const Bytes one = record(Bytes(begin, end));
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

// What a current browser sends: GREASE, a hybrid X25519MLKEM768 share of 1216 bytes beside X25519, GREASE ECH.
inline HelloSpec hybrid_hello(std::string_view name = "www.example.com") {
  HelloSpec spec;
  spec.cipher_suites = {0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                        0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  const Bytes shares = key_share(0x4a4a, 1) + key_share(0x11ec, 1216) + key_share(0x001d, 32);
  spec.extensions = extension(0x3a3a, {}) + server_name(name) + groups({0x4a4a, 0x11ec, 0x001d, 0x0017, 0x0018}) +
                    alpn({"h2", "http/1.1"}) + supported_versions({0xdada, 0x0304, 0x0303}) +
                    signature_algorithms({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}) +
                    extension(0x33, vector16(shares)) + ech_outer() + extension(0x0023, {}) +
                    extension(0x000b, vector8({0})) + extension(0x001b, {2, 0, 2}) +
                    extension(0x44cd, {0, 3, 2, 104, 50}) + extension(0x002d, {1, 1}) + extension(0xff01, {0}) +
                    extension(0x8a8a, {0});
  return spec;
}

}  // namespace sluice::wire::test
