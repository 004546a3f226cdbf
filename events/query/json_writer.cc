#include "events/query/json_writer.h"

#include <array>
#include <cstdio>
#include <utility>

namespace sluice::query {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Bytes of the UTF-8 sequence at the start of `text`; 0 if it is malformed, overlong, a surrogate or too high.
size_t sequence_bytes(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool overlong = lead == 0xe0 && at(1) < 0xa0;
    const bool surrogate = lead == 0xed && at(1) > 0x9f;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && at(1) < 0x90;
    const bool too_high = lead == 0xf4 && at(1) > 0x8f;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}
}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    out += bytes == 0 ? replacement : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    const char c = text[0];
    if (bytes == 0) {
      out += replacement;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned char>(c));
      out += escape.data();
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  out += '"';
}

void JsonWriter::begin(std::string_view key) {
  if (out_.back() != '{') out_ += ',';
  out_ += '"';
  out_ += key;
  out_ += "\":";
}

void JsonWriter::text(std::string_view key, std::string_view value) {
  if (value.empty()) return;
  begin(key);
  append_json_text(out_, value);
}

void JsonWriter::number(std::string_view key, int64_t value) {
  begin(key);
  out_ += std::to_string(value);
}

void JsonWriter::positive(std::string_view key, int64_t value) {
  if (value != 0) number(key, value);
}

void JsonWriter::boolean(std::string_view key, bool value) {
  begin(key);
  out_ += value ? "true" : "false";
}

void JsonWriter::texts(std::string_view key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  begin(key);
  for (size_t i = 0; i < values.size(); ++i) {
    out_ += i == 0 ? '[' : ',';
    append_json_text(out_, values[i]);
  }
  out_ += ']';
}

void JsonWriter::objects(std::string_view key, std::string_view member, const std::vector<std::string>& values) {
  if (values.empty()) return;
  begin(key);
  for (size_t i = 0; i < values.size(); ++i) {
    out_ += i == 0 ? "[{\"" : ",{\"";
    out_ += member;
    out_ += "\":";
    append_json_text(out_, values[i]);
    out_ += '}';
  }
  out_ += ']';
}

void JsonWriter::open(std::string_view key) {
  opened_.push_back(out_.size());
  begin(key);
  out_ += '{';
}

void JsonWriter::close() {
  const size_t start = opened_.back();
  opened_.pop_back();
  if (out_.back() == '{') {
    out_.resize(start);
  } else {
    out_ += '}';
  }
}

std::string JsonWriter::take() {
  while (!opened_.empty()) close();
  return std::move(out_) + '}';
}

}  // namespace sluice::query
