#include "proxy/ctl/events_text.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "events/query/json_writer.h"

namespace sluice::ctl {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";
constexpr std::string_view ellipsis = "\xe2\x80\xa6";

// The first character of valid UTF-8 and how many bytes it has.
struct Character {
  uint32_t code = 0;
  size_t bytes = 1;
};
Character first_of(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | (at(1) & 0x3f), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f), 3};
  return {(lead & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f), 4};
}

bool within(uint32_t code, uint32_t first, uint32_t last) {
  return code >= first && code <= last;
}

bool is_unsafe(uint32_t code) {
  return code < 0x20 || within(code, 0x7f, 0x9f) || code == 0xad || within(code, 0x200b, 0x200f) ||
         within(code, 0x2028, 0x202e) || within(code, 0x2060, 0x206f) || code == 0xfeff ||
         within(code, 0xfff0, 0xfffb) || within(code, 0xe0000, 0xe0fff);
}

size_t columns_of(uint32_t code) {
  const bool wide = within(code, 0x1100, 0x115f) || within(code, 0x2e80, 0xa4cf) || within(code, 0xac00, 0xd7a3) ||
                    within(code, 0xf900, 0xfaff) || within(code, 0xfe30, 0xfe6f) || within(code, 0xff00, 0xff60) ||
                    within(code, 0xffe0, 0xffe6) || within(code, 0x1f300, 0x1faff) || within(code, 0x20000, 0x3fffd);
  const bool combining = within(code, 0x300, 0x36f) || within(code, 0xfe00, 0xfe0f);
  return combining ? 0 : wide ? 2 : 1;
}

template <class... Args>
std::string formatted(const char* format, Args... args) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, args...);
  return text.data();
}
}  // namespace

std::string printable(std::string_view text) {
  const std::string valid = query::valid_utf8(text);
  std::string out;
  for (std::string_view left = valid; !left.empty();) {
    const Character c = first_of(left);
    out += is_unsafe(c.code) ? replacement : left.substr(0, c.bytes);
    left.remove_prefix(c.bytes);
  }
  return out;
}

size_t display_width(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Character c = first_of(text);
    columns += columns_of(c.code);
    text.remove_prefix(c.bytes);
  }
  return columns;
}

std::string fitted(std::string_view text, size_t columns, bool right_aligned) {
  const size_t width = display_width(text);
  if (width <= columns) {
    const std::string padding(columns - width, ' ');
    return right_aligned ? padding + std::string(text) : std::string(text) + padding;
  }
  std::string out;
  size_t used = 0;
  while (!text.empty()) {
    const Character c = first_of(text);
    if (used + columns_of(c.code) + 1 > columns) break;
    used += columns_of(c.code);
    out += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  if (columns > used) {
    out += ellipsis;
    ++used;
  }
  return out + std::string(columns - used, ' ');
}

std::string human_bytes(uint64_t bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return formatted(value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

std::string human_duration(int64_t ms) {
  if (ms < 1'000) return formatted("%d ms", static_cast<int>(ms < 0 ? 0 : ms));
  if (ms < 60'000) return formatted("%.1f s", static_cast<double>(ms / 100) / 10);
  const int64_t seconds = ms / 1'000;
  const auto part = [](int64_t value) { return static_cast<int>(value); };
  if (seconds < 3'600) return formatted("%dm %02ds", part(seconds / 60), part(seconds % 60));
  if (seconds < 86'400) return formatted("%dh %02dm", part(seconds / 3'600), part(seconds / 60 % 60));
  return formatted("%lldd %dh", static_cast<long long>(seconds / 86'400), part(seconds / 3'600 % 24));
}

std::string human_count(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string local_time(int64_t epoch_ms) {
  const std::time_t seconds = epoch_ms / 1'000;
  std::tm parts{};
  std::array<char, 32> text{};
  if (epoch_ms == 0 || localtime_r(&seconds, &parts) == nullptr) return {};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts)};
}

}  // namespace sluice::ctl
