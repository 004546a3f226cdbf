#include "proxy/config/problems.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/config/limits.h"

namespace sluice::config {

Mark Marks::nearest(std::string_view path) const {
  while (true) {
    if (const auto found = marks_.find(std::string(path)); found != marks_.end()) return found->second;
    if (path.empty()) return {};
    const size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
}

void Problems::add(Mark mark, std::string_view path, std::string_view sentence) {
  if (full_) return;
  if (lines_.size() == problems_max) {
    full_ = true;
    lines_.push_back(file_name_ + ": and more errors that are not shown");
    return;
  }
  std::string line = file_name_ + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column) + ": ";
  if (!path.empty()) line.append(path).append(": ");
  lines_.push_back(line.append(sentence));
}

base::Status Problems::status() const {
  if (lines_.empty()) return base::Unit{};
  std::string message;
  for (const std::string& line : lines_) message.append(message.empty() ? "" : "\n").append(line);
  return base::Error{message};
}

std::string backquoted(std::string_view text) {
  return "`" + printable(text) + "`";
}

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  size_t end = std::min(text.size(), quoted_bytes_max);
  // Never cut inside a UTF-8 sequence.
  while (end < text.size() && end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      result += c;
    } else {
      result.append("\\x") += digits[byte >> 4];
      result += digits[byte & 0xf];
    }
  }
  return result.append(end < text.size() ? "..." : "");
}

std::string entry_path(std::string_view path, std::string_view key) {
  return std::string(path) + "[\"" + printable(key) + "\"]";
}

std::string backquoted_list(const std::vector<std::string>& words, std::string_view last_joint) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text.append(i + 1 == words.size() ? last_joint : ", ");
    text.append(backquoted(words[i]));
  }
  return text;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string> nearest = base::nearest_words(word, candidates);
  return nearest.empty() ? "" : "; did you mean " + backquoted_list(nearest, " or ") + "?";
}

}  // namespace sluice::config
