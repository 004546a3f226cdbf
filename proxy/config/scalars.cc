#include "proxy/config/scalars.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "proxy/base/text.h"

namespace sluice::config {

namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;

bool is_plain(const Node& node) {
  return node.kind == Node::Kind::kScalar && !node.in_quotes;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> byte_size(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, int>, 4> units{{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
  for (const auto& [unit, shift] : units) {
    if (!text.ends_with(unit)) continue;
    const auto count = base::parse_decimal(text.substr(0, text.size() - unit.size()));
    if (!count || *count > UINT64_MAX >> shift) return std::nullopt;
    return *count << shift;
  }
  return base::parse_decimal(text);
}

// `BypassMode` -> "BYPASS_MODE_"
std::string prefix_of(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !prefix.empty()) prefix += '_';
    prefix += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return prefix + '_';
}

}  // namespace

base::Result<int64_t> signed_of(const Node& node, int64_t min, int64_t max) {
  const auto value = is_plain(node) ? number<int64_t>(node.text) : std::nullopt;
  if (value && *value >= min && *value <= max) return *value;
  return base::Error{"a whole number from " + std::to_string(min) + " to " + std::to_string(max)};
}

base::Result<uint64_t> unsigned_of(const Node& node, uint64_t max, bool sizes) {
  const auto value = !is_plain(node) ? std::nullopt : sizes ? byte_size(node.text) : base::parse_decimal(node.text);
  if (value && *value <= max) return *value;
  if (sizes) return base::Error{"a number of bytes or a size such as 512MiB or 4GiB"};
  return base::Error{"a whole number from 0 to " + std::to_string(max)};
}

base::Result<double> double_of(const Node& node) {
  const auto value = is_plain(node) ? number<double>(node.text) : std::nullopt;
  if (value && std::isfinite(*value)) return *value;
  return base::Error{"a number"};
}

base::Result<bool> bool_of(const Node& node) {
  if (is_plain(node) && node.text == "true") return true;
  if (is_plain(node) && node.text == "false") return false;
  return base::Error{"true or false"};
}

base::Result<std::string> text_of(const Node& node) {
  if (node.kind != Node::Kind::kScalar) return base::Error{"text"};
  for (const char c : node.text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) return base::Error{"text without control characters"};
  }
  return node.text;
}

base::Result<int> enum_of(const Node& node, const EnumDescriptor& type) {
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    const std::string word = enum_word(value);
    if (word != "unspecified" && node.kind == Node::Kind::kScalar && node.text == word) return value.number();
  }
  return base::Error{backquoted_list(enum_words(type), " or ")};
}

std::vector<std::string> enum_words(const EnumDescriptor& type) {
  std::vector<std::string> words;
  for (int i = 0; i < type.value_count(); ++i) words.push_back(enum_word(*type.value(i)));
  std::erase(words, "unspecified");
  return words;
}

std::string enum_word(const EnumValueDescriptor& value) {
  const std::string prefix = prefix_of(*value.type());
  std::string_view name = value.name();
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return base::ascii_lower(name);
}

std::string description_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return backquoted(node.text) + (node.in_quotes ? " in quotes" : "");
    case Node::Kind::kSequence: return "a list";
    case Node::Kind::kMap: return "a group of fields";
    case Node::Kind::kAlias: return "an alias";
  }
  return "";
}

}  // namespace sluice::config
