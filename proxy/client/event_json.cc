#include "proxy/client/event_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <string_view>
#include <vector>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"

namespace sluice::client {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      json += "\\u00";
      json += digits[byte >> 4];
      json += digits[byte & 0xf];
    } else {
      json += c;
    }
  }
  return json + '"';
}

// VERDICT_BYPASS of the enum Verdict is "bypass".
std::string word(const google::protobuf::EnumValueDescriptor& value) {
  const std::string& first = value.type()->value(0)->name();
  const size_t prefix = first.size() - std::string_view("UNSPECIFIED").size();
  return quoted(base::ascii_lower(std::string_view(value.name()).substr(prefix)));
}

std::string value_of(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: return quoted(reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM: return word(*reflection.GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_UINT32: return std::to_string(reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64: return std::to_string(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_INT64: return std::to_string(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_INT32: return std::to_string(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
  SLUICE_ASSERT(false && "a page event has no field of this type");
  return {};
}

// Repeated fields of a page event are texts.
std::string values_of(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  std::string json = "[";
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (i > 0) json += ',';
    json += quoted(reflection.GetRepeatedString(message, &field, i));
  }
  return json + ']';
}

}  // namespace

std::string event_json(const events::v1::PageEvent& event) {
  const Reflection& reflection = *event.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(event, &fields);
  std::string json = "{";
  for (const FieldDescriptor* field : fields) {
    if (json.size() > 1) json += ',';
    json += quoted(field->name()) + ":";
    json += field->is_repeated() ? values_of(event, reflection, *field) : value_of(event, reflection, *field);
  }
  return json + '}';
}

}  // namespace sluice::client
