#include "proxy/wire/ja4.h"

#include <algorithm>
#include <array>

#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

// The entries of one list that are not GREASE.
struct Entries {
  std::array<uint16_t, ja4_list_entries_max> values;
  size_t count = 0;
  bool overflow = false;

  void add(uint16_t value) {
    if (is_grease(value)) return;
    overflow = overflow || count == values.size();
    if (!overflow) values[count++] = value;
  }
  void sort() { std::sort(values.begin(), values.begin() + static_cast<ptrdiff_t>(count)); }
};

void append_list(std::string& text, const Entries& entries) {
  for (size_t i = 0; i < entries.count; ++i) {
    if (i > 0) text += ',';
    for (const int shift : {12, 8, 4, 0}) text += hex_digits[entries.values[i] >> shift & 0xf];
  }
}

void append_count(std::string& text, size_t count) {
  count = std::min<size_t>(count, 99);
  text += static_cast<char>('0' + count / 10);
  text += static_cast<char>('0' + count % 10);
}

std::string_view version_text(uint16_t version) {
  switch (version) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    case 0x0002: return "s2";
    case 0xfeff: return "d1";
    case 0xfefd: return "d2";
    case 0xfefc: return "d3";
    default: return "00";
  }
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// First and last character of the first protocol; if one of them is not alphanumeric, those of its hex text.
void append_alpn(std::string& text, const NameList& alpn) {
  if (alpn.empty()) {
    text += "00";
    return;
  }
  const std::string_view name = *alpn.begin();
  const char first = name.front();
  const char last = name.back();
  const bool plain = is_alphanumeric(first) && is_alphanumeric(last);
  text += plain ? first : hex_digits[static_cast<uint8_t>(first) >> 4];
  text += plain ? last : hex_digits[static_cast<uint8_t>(last) & 0xf];
}

}  // namespace

std::string ja4_raw(const ClientHello& hello) {
  constexpr uint16_t server_name = 0x0000;
  constexpr uint16_t alpn = 0x0010;
  Entries ciphers;
  Entries extensions;
  Entries algorithms;
  size_t extension_count = 0;
  for (const uint16_t suite : hello.cipher_suites) ciphers.add(suite);
  for (const Tagged& extension : hello.extensions) {
    if (!is_grease(extension.tag)) ++extension_count;
    if (extension.tag != server_name && extension.tag != alpn) extensions.add(extension.tag);
  }
  for (const uint16_t algorithm : hello.signature_algorithms) algorithms.add(algorithm);
  if (ciphers.overflow || extensions.overflow || algorithms.overflow) return {};
  ciphers.sort();
  extensions.sort();

  std::string text = "t";
  text.reserve(16 + 5 * (ciphers.count + extensions.count + algorithms.count));
  text += version_text(hello.version);
  text += hello.server_name.empty() ? 'i' : 'd';
  append_count(text, ciphers.count);
  append_count(text, extension_count);
  append_alpn(text, hello.alpn);
  text += '_';
  append_list(text, ciphers);
  text += '_';
  append_list(text, extensions);
  if (algorithms.count > 0) text += '_';
  append_list(text, algorithms);
  return text;
}

Ja4Parts ja4_parts(std::string_view raw) {
  const size_t first = raw.find('_');
  if (first == std::string_view::npos) return {};
  const size_t second = raw.find('_', first + 1);
  if (second == std::string_view::npos) return {};
  return {raw.substr(0, first), raw.substr(first + 1, second - first - 1), raw.substr(second + 1)};
}

}  // namespace sluice::wire
