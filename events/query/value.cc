#include "events/query/value.h"

#include <charconv>
#include <optional>

#include "events/query/lexer.h"
#include "events/query/time_text.h"
#include "proxy/base/text.h"

namespace sluice::query {

using store::Field;
using store::FieldType;
using store::Operator;
using store::Value;

namespace {

base::Error wrong(const Field& field, std::string_view text, const std::string& right) {
  return base::Error{field.name() + ' ' + describe(field.type()) + ", and " + quoted(text) + " is not one; " + right};
}

base::Result<Value> number(const Field& field, std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return wrong(field, text, "write whole decimal digits, for example 443");
  }
  return Value(value);
}

base::Result<Value> boolean(const Field& field, std::string_view text) {
  for (const std::string_view word : {"yes", "true"}) {
    if (base::equal_ignore_case(text, word)) return Value(int64_t{1});
  }
  for (const std::string_view word : {"no", "false"}) {
    if (base::equal_ignore_case(text, word)) return Value(int64_t{0});
  }
  return base::Error{field.name() + " is yes or no (or true, false), not " + quoted(text)};
}

// "CloudApp", "cloud-app" and "cloud_app" are one word.
std::string letters_of(std::string_view word) {
  std::string letters;
  for (const char c : word) {
    if (c != '_' && c != '-' && c != ' ') letters += base::ascii_lower(c);
  }
  return letters;
}

base::Result<Value> word(const Field& field, std::string_view text) {
  constexpr size_t nearest_max = 3;
  std::vector<std::string> known;
  for (const store::Word& word : field.words()) {
    if (letters_of(word.text) == letters_of(text)) return Value(word.number);
    known.push_back(word.text);
  }
  const auto join = [](const std::vector<std::string>& words, std::string_view last) {
    std::string joined;
    for (size_t i = 0; i < words.size(); ++i) {
      if (i > 0) joined += i + 1 == words.size() ? last : ", ";
      joined += words[i];
    }
    return joined;
  };
  std::string message = field.name() + " is never " + quoted(text) + "; ";
  if (const auto near = base::nearest_words(text, known, nearest_max); !near.empty()) {
    message += "did you mean " + join(near, " or ") + "? ";
  }
  return base::Error{message + "It can be " + join(known, " or ")};
}

base::Result<Value> address(const Field& field, Operator op, std::string_view text) {
  auto range = store::parse_address_range(text);
  if (!range) {
    return wrong(field, text, "write 192.0.2.1, or in 10.0.0.0/8 with no bits set behind the prefix");
  }
  if (op != Operator::kIn && range->first != range->last) {
    return base::Error{quoted(text) + " is a network; write " + field.name() + " in " + std::string(text)};
  }
  return Value(*std::move(range));
}

base::Result<Value> time(const Field& field, std::string_view text, int64_t now_ms) {
  const auto value = parse_time(text, now_ms);
  if (!value) return wrong(field, text, "write now-1h, 2026-01-31T10:00:00Z, or epoch seconds or milliseconds");
  return Value(*value);
}

}  // namespace

base::Result<Value> parse_value(const Field& field, Operator op, std::string_view text, int64_t now_ms) {
  if (op == Operator::kLike || op == Operator::kRegex) return Value(std::string(text));
  switch (field.type()) {
    case FieldType::kText:
    case FieldType::kTextList: break;
    case FieldType::kNumber: return number(field, text);
    case FieldType::kBool: return boolean(field, text);
    case FieldType::kEnum: return word(field, text);
    case FieldType::kAddress: return address(field, op, text);
    case FieldType::kTime: return time(field, text, now_ms);
  }
  return Value(std::string(text));
}

std::string print_value(const Field& field, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* range = std::get_if<store::AddressRange>(&value)) return range->text;
  const int64_t number = std::get<int64_t>(value);
  switch (field.type()) {
    case FieldType::kBool: return number != 0 ? "yes" : "no";
    case FieldType::kEnum: return std::string(field.word(number));
    case FieldType::kTime: return quoted(format_time(number));
    case FieldType::kText:
    case FieldType::kTextList:
    case FieldType::kNumber:
    case FieldType::kAddress: break;
  }
  return std::to_string(number);
}

std::string describe(FieldType type) {
  switch (type) {
    case FieldType::kText: return "is text";
    case FieldType::kTextList: return "is a list of texts";
    case FieldType::kNumber: return "is a number";
    case FieldType::kBool: return "is yes or no";
    case FieldType::kEnum: return "is one of a few words";
    case FieldType::kAddress: return "is an address";
    case FieldType::kTime: return "is a time";
  }
  return "";
}

std::string operators_of(FieldType type) {
  switch (type) {
    case FieldType::kText: return "use = != < <= > >= like ~ in (...) from A to B exists";
    case FieldType::kNumber:
    case FieldType::kTime: return "use = != < <= > >= in (...) from A to B exists";
    case FieldType::kBool: return "use = != exists";
    case FieldType::kTextList:
    case FieldType::kEnum: return "use = != like ~ in (...) exists";
    case FieldType::kAddress: return "use = != in NETWORK in (...) from A to B like ~ exists";
  }
  return "";
}

}  // namespace sluice::query
