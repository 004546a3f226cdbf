#include "events/query/time_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "proxy/base/text.h"

namespace sluice::query {
namespace {

constexpr size_t epoch_seconds_digits_max = 10;
constexpr size_t digits_max = 15;  // of a number that still fits every conversion below

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Reads a date and time from the left; every step takes what it understood.
class Reader {
 public:
  explicit Reader(std::string_view text) : left_(text) {}
  bool done() const { return left_.empty(); }
  bool take(char c) {
    if (left_.empty() || base::ascii_lower(left_[0]) != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  // Exactly `width` digits, at most `max`.
  std::optional<int> number(size_t width, int max) {
    const std::string_view digits = left_.substr(0, width);
    if (digits.size() != width || !all_digits(digits)) return std::nullopt;
    int value = 0;
    std::from_chars(digits.data(), digits.data() + width, value);
    left_.remove_prefix(width);
    return value <= max ? std::optional(value) : std::nullopt;
  }
  // Digits behind the point as milliseconds; further digits are cut.
  std::optional<int> fraction_ms() {
    size_t count = 0;
    int ms = 0;
    while (count < left_.size() && left_[count] >= '0' && left_[count] <= '9') {
      if (count < 3) ms = ms * 10 + (left_[count] - '0');
      ++count;
    }
    for (size_t i = count; i < 3; ++i) ms *= 10;
    left_.remove_prefix(count);
    return count == 0 ? std::nullopt : std::optional(ms);
  }

 private:
  std::string_view left_;
};

// Milliseconds to subtract for "Z", "+09:00" or nothing.
std::optional<int64_t> read_zone(Reader& reader) {
  if (reader.done() || reader.take('z')) return 0;
  const bool minus = reader.take('-');
  if (!minus && !reader.take('+')) return std::nullopt;
  const auto hours = reader.number(2, 23);
  if (!hours || !reader.take(':')) return std::nullopt;
  const auto minutes = reader.number(2, 59);
  if (!minutes) return std::nullopt;
  const int64_t offset = (*hours * 60 + *minutes) * int64_t{60'000};
  return minus ? -offset : offset;
}

std::optional<int64_t> read_clock(Reader& reader) {
  const auto hours = reader.number(2, 23);
  if (!hours || !reader.take(':')) return std::nullopt;
  const auto minutes = reader.number(2, 59);
  if (!minutes) return std::nullopt;
  int64_t ms = (*hours * 60 + *minutes) * int64_t{60'000};
  if (!reader.take(':')) return ms;
  const auto seconds = reader.number(2, 60);  // 60: a leap second counts as the next second
  if (!seconds) return std::nullopt;
  ms += *seconds * int64_t{1'000};
  if (!reader.take('.')) return ms;
  const auto fraction = reader.fraction_ms();
  if (!fraction) return std::nullopt;
  return ms + *fraction;
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  Reader reader(text);
  const auto year = reader.number(4, 9999);
  if (!year || !reader.take('-')) return std::nullopt;
  const auto month = reader.number(2, 12);
  if (!month || !reader.take('-')) return std::nullopt;
  const auto day = reader.number(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  int64_t ms = std::chrono::sys_days(date).time_since_epoch() / std::chrono::milliseconds(1);
  if (reader.done()) return ms;
  if (!reader.take('t') && !reader.take(' ')) return std::nullopt;
  const auto clock = read_clock(reader);
  if (!clock) return std::nullopt;
  const auto zone = read_zone(reader);
  if (!zone || !reader.done()) return std::nullopt;
  return ms + *clock - *zone;
}

std::optional<int64_t> parse_any(std::string_view text, int64_t now_ms) {
  if (all_digits(text)) {
    if (text.size() > digits_max) return std::nullopt;
    int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return text.size() <= epoch_seconds_digits_max ? value * 1'000 : value;
  }
  if (text.size() < 3 || !base::equal_ignore_case(text.substr(0, 3), "now")) return parse_rfc3339(text);
  if (text.size() == 3) return now_ms;
  const auto span = parse_span(text.substr(4));
  if (!span || (text[3] != '-' && text[3] != '+')) return std::nullopt;
  return text[3] == '-' ? now_ms - *span : now_ms + *span;
}
}  // namespace

std::optional<int64_t> parse_time(std::string_view text, int64_t now_ms) {
  const auto time = parse_any(text, now_ms);
  return time && *time >= 0 && *time <= time_ms_max ? time : std::nullopt;
}

std::optional<int64_t> parse_span(std::string_view text) {
  constexpr std::pair<char, int64_t> units[] = {
      {'s', 1'000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}, {'w', 604'800'000}};
  constexpr size_t span_digits_max = 5;
  if (text.size() < 2 || text.size() > span_digits_max + 1 || !all_digits(text.substr(0, text.size() - 1))) {
    return std::nullopt;
  }
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size() - 1, count);
  for (const auto& [letter, ms] : units) {
    if (base::ascii_lower(text.back()) == letter) return count * ms;
  }
  return std::nullopt;
}

std::string format_time(int64_t epoch_ms) {
  const std::chrono::milliseconds clamped(std::clamp<int64_t>(epoch_ms, 0, time_ms_max));
  const auto days = std::chrono::floor<std::chrono::days>(clamped);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto ms = (clamped - days).count();
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(ms / 3'600'000), static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60),
                static_cast<int>(ms % 1'000));
  return text.data();
}

}  // namespace sluice::query
