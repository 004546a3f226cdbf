#include "proxy/config/show.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include "proxy/config/scalars.h"

namespace sluice::config {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool is_secret(const FieldDescriptor& field, const std::string& text) {
  constexpr std::array<std::string_view, 3> names{"password", "secret", "token"};
  const std::string_view name = field.name();
  return text.find("-----BEGIN ") != std::string::npos ||
         std::any_of(names.begin(), names.end(), [&](std::string_view secret) { return name.ends_with(secret); });
}

// A double-quoted YAML scalar. JSON's escapes are a subset of YAML's.
std::string in_quotes(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      result.append("\\") += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result.append("\\x") += digits[byte >> 4];
      result += digits[byte & 0xf];
    } else {
      result += c;
    }
  }
  return result + '"';
}

// Plain where no reader could take it for anything but this text.
std::string text_scalar(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
           c == '_' || c == '-' || c == ':';
  };
  const bool starts_plain = !text.empty() && text.front() != '-' && text.front() != ':' && text.back() != ':';
  const bool null_word = text == "null" || text == "Null" || text == "NULL";
  if (starts_plain && !null_word && std::all_of(text.begin(), text.end(), plain)) return text;
  return in_quotes(text);
}

std::string size_scalar(uint64_t bytes) {
  constexpr std::array<std::pair<std::string_view, int>, 3> units{{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};
  for (const auto& [unit, shift] : units) {
    const uint64_t count = bytes >> shift;
    if (count > 0 && count << shift == bytes) return std::to_string(count).append(unit);
  }
  return std::to_string(bytes);
}

std::string unsigned_scalar(const FieldDescriptor& field, uint64_t value) {
  return field.name().ends_with("_bytes") ? size_scalar(value) : std::to_string(value);
}

std::string double_scalar(double value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string float_scalar(float value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string text_field(const FieldDescriptor& field, const std::string& text) {
  return is_secret(field, text) ? in_quotes("(redacted)") : text_scalar(text);
}

// One scalar; `index` counts in repeated fields, -1 for singular ones.
std::string scalar(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const FieldDescriptor* f = &field;
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(one ? r.GetInt32(message, f) : r.GetRepeatedInt32(message, f, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(one ? r.GetInt64(message, f) : r.GetRepeatedInt64(message, f, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return unsigned_scalar(field, one ? r.GetUInt32(message, f) : r.GetRepeatedUInt32(message, f, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return unsigned_scalar(field, one ? r.GetUInt64(message, f) : r.GetRepeatedUInt64(message, f, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return double_scalar(one ? r.GetDouble(message, f) : r.GetRepeatedDouble(message, f, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return float_scalar(one ? r.GetFloat(message, f) : r.GetRepeatedFloat(message, f, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? r.GetBool(message, f) : r.GetRepeatedBool(message, f, index)) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_word(one ? *r.GetEnum(message, f) : *r.GetRepeatedEnum(message, f, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return text_field(field, one ? r.GetString(message, f) : r.GetRepeatedString(message, f, index));
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
  return "";
}

std::string lines_of(const Message& message, size_t indent);

// What stands behind `key:` or `-` for one value: a scalar on the same line, or the lines of a message below.
std::string value_of(const Message& message, const FieldDescriptor& field, int index, size_t indent) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return " " + scalar(message, field, index) + "\n";
  const Reflection& r = *message.GetReflection();
  const Message& inner = index < 0 ? r.GetMessage(message, &field) : r.GetRepeatedMessage(message, &field, index);
  if (inner.GetDescriptor()->full_name() == "sluice.config.v1.Workers") {
    const uint32_t count = inner.GetReflection()->GetUInt32(inner, inner.GetDescriptor()->FindFieldByName("count"));
    return " " + (count == 0 ? "auto" : std::to_string(count)) + "\n";
  }
  const std::string lines = lines_of(inner, indent);
  return lines.empty() ? " {}\n" : "\n" + lines;
}

std::string map_lines(const Message& message, const FieldDescriptor& field, size_t indent) {
  const Reflection& r = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::vector<std::string> entries;
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    const Message& entry = r.GetRepeatedMessage(message, &field, i);
    entries.push_back(std::string(indent, ' ') + scalar(entry, key, -1) + ":" + value_of(entry, value, -1, indent + 2));
  }
  std::sort(entries.begin(), entries.end());  // a map has no order of its own
  std::string lines;
  for (const std::string& entry : entries) lines += entry;
  return lines;
}

std::string lines_of(const Message& message, size_t indent) {
  const Reflection& r = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  r.ListFields(message, &fields);
  const std::string margin(indent, ' ');
  std::string lines;
  for (const FieldDescriptor* field : fields) {
    lines += margin + field->name() + ":";
    if (field->is_map()) {
      lines += "\n" + map_lines(message, *field, indent + 2);
    } else if (!field->is_repeated()) {
      lines += value_of(message, *field, -1, indent + 2);
    } else {
      lines += "\n";
      for (int i = 0; i < r.FieldSize(message, field); ++i) {
        std::string element = value_of(message, *field, i, indent + 2);
        // The first field of a message stands behind the dash.
        if (element.front() == '\n') element = " " + element.substr(1 + indent + 2);
        lines += margin + "-" + element;
      }
    }
  }
  return lines;
}

}  // namespace

std::string redacted_yaml(const Message& message) {
  return lines_of(message, 0);
}

}  // namespace sluice::config
