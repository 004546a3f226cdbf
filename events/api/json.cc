#include "events/api/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "events/api/limits.h"
#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "events/query/time_text.h"
#include "proxy/base/text.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::api {

namespace v1 = events::v1;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

query::QueryFault invalid(std::string message) {
  return {query::QueryFault::Code::kInvalid, std::move(message), std::nullopt};
}

// VIEW_ALL -> all: behind the prefix of the enumeration's zero.
std::string word_of(const EnumDescriptor& type, int number) {
  const std::string_view zero = type.FindValueByNumber(0)->name();
  const auto* value = type.FindValueByNumber(number);
  if (number == 0 || value == nullptr) return "";
  return base::ascii_lower(
      std::string_view(value->name()).substr(zero.size() - std::string_view("UNSPECIFIED").size()));
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {  // JSON has no such number
    out += "null";
    return;
  }
  if (number == std::floor(number) && std::abs(number) < 9e15) {
    out += std::to_string(static_cast<int64_t>(number));
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number);
  out.append(text, end.ptr);
}

void append(std::string& out, const Message& message);

// One value of a field; `index` below 0 for a field that is not repeated.
void append_value(std::string& out, const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool many = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      out += (many ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field)) ? "true" : "false";
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      out += std::to_string(many ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      if (field.type() == FieldDescriptor::TYPE_FIXED64) {  // ids: too large for many readers of JSON numbers
        query::append_json_text(out, base::hex16(r.GetUInt64(message, &field)));
        break;
      }
      out += std::to_string(many ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      out += std::to_string(many ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      append_number(out, many ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      query::append_json_text(out, many ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      query::append_json_text(out, word_of(*field.enum_type(), many ? r.GetRepeatedEnumValue(message, &field, index)
                                                                    : r.GetEnumValue(message, &field)));
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      append(out, many ? r.GetRepeatedMessage(message, &field, index) : r.GetMessage(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_FLOAT: out += "null"; break;  // no message of ours has one
  }
}

void append(std::string& out, const Message& message) {
  if (message.GetDescriptor() == v1::Record::descriptor()) {
    out += query::to_json(static_cast<const v1::Record&>(message));
    return;
  }
  const auto& type = *message.GetDescriptor();
  out += '{';
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (i > 0) out += ',';
    out += '"' + field.name() + "\":";
    if (!field.is_repeated()) {
      append_value(out, message, field, -1);
      continue;
    }
    out += '[';
    for (int at = 0; at < message.GetReflection()->FieldSize(message, &field); ++at) {
      if (at > 0) out += ',';
      append_value(out, message, field, at);
    }
    out += ']';
  }
  out += '}';
}

// "count", "sum:numbytes", "distinct:user", "p95:duration_ms"
std::optional<v1::Metric> metric_of(std::string_view text) {
  v1::Metric metric;
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon != std::string_view::npos) metric.set_field(std::string(text.substr(colon + 1)));
  if (kind == "count") {
    metric.set_kind(v1::Metric::KIND_COUNT);
  } else if (kind == "sum") {
    metric.set_kind(v1::Metric::KIND_SUM);
  } else if (kind == "max") {
    metric.set_kind(v1::Metric::KIND_MAX);
  } else if (kind == "distinct") {
    metric.set_kind(v1::Metric::KIND_DISTINCT);
  } else if (kind.size() > 1 && kind.front() == 'p') {
    const auto percentile = base::parse_decimal(kind.substr(1));
    if (!percentile || *percentile >= 100) return std::nullopt;
    metric.set_kind(v1::Metric::KIND_PERCENTILE);
    metric.set_percentile(static_cast<double>(*percentile));
  } else {
    return std::nullopt;
  }
  return metric;
}

// "" or what would be right.
std::string set_field(Message& message, const FieldDescriptor& field, const std::string& text, int64_t now_ms) {
  const Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      field.is_repeated() ? r.AddString(&message, &field, query::valid_utf8(text))
                          : r.SetString(&message, &field, query::valid_utf8(text));
      return "";
    case FieldDescriptor::CPPTYPE_INT64: {
      const bool is_time = field.name().ends_with("_time");
      const auto number = base::parse_decimal(text);
      const auto time =
          is_time ? query::parse_time(text, now_ms)
                  : (number && *number <= INT64_MAX ? std::optional(static_cast<int64_t>(*number)) : std::nullopt);
      if (!time) return is_time ? "a time such as now-1h, 2026-01-31T10:00:00Z or epoch seconds" : "a whole number";
      r.SetInt64(&message, &field, *time);
      return "";
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto number = base::parse_decimal(text);
      if (!number || *number > UINT32_MAX) return "a whole number";
      r.SetUInt32(&message, &field, static_cast<uint32_t>(*number));
      return "";
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto number = base::parse_decimal(text);
      if (!number) return "a whole number";
      r.SetUInt64(&message, &field, *number);
      return "";
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false" && text != "1" && text != "0") return "true or false";
      r.SetBool(&message, &field, text == "true" || text == "1");
      return "";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumDescriptor& type = *field.enum_type();
      for (int i = 0; i < type.value_count(); ++i) {
        if (type.value(i)->number() == 0 || word_of(type, type.value(i)->number()) != text) continue;
        r.SetEnumValue(&message, &field, type.value(i)->number());
        return "";
      }
      return "a word that it knows";
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const auto metric = field.message_type() == v1::Metric::descriptor() ? metric_of(text) : std::nullopt;
      if (!metric) return "count, sum:FIELD, max:FIELD, distinct:FIELD or p95:FIELD";
      r.AddMessage(&message, &field)->CopyFrom(*metric);
      return "";
    }
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT: break;
  }
  return "given as JSON in the body of a POST";
}
}  // namespace

std::string to_json(const Message& message) {
  std::string out;
  append(out, message);
  return out;
}

query::Answer<base::Unit> read_message(const HttpRequest& request, int64_t now_ms, Message& message) {
  if (request.method == "POST" && !request.body.empty()) {
    if (!request.header("content-type").starts_with("application/json")) {
      return invalid("the body must be JSON, with the header Content-Type: application/json");
    }
    const auto status = google::protobuf::util::JsonStringToMessage(request.body, &message);
    if (!status.ok()) return invalid("the body is not the JSON of a " + message.GetDescriptor()->name());
    return base::Unit{};
  }
  for (const auto& [name, value] : request.params) {
    const std::string field_name = name == "start" ? "start_time" : name == "end" ? "end_time" : name;
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(field_name);
    if (field == nullptr) return invalid("there is no parameter \"" + query::valid_utf8(name) + '"');
    const std::string wanted = set_field(message, *field, value, now_ms);
    if (!wanted.empty()) return invalid(name + " must be " + wanted);
  }
  return base::Unit{};
}

HttpResponse error(int status, std::string_view code, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.body = "{\"error\":{\"code\":";
  query::append_json_text(response.body, code);
  response.body += ",\"message\":";
  query::append_json_text(response.body, message);
  response.body += "}}";
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", std::to_string(retry_seconds));
  return response;
}

HttpResponse error(const query::QueryFault& fault) {
  const bool invalid_request = fault.code == query::QueryFault::Code::kInvalid;
  HttpResponse response =
      error(invalid_request ? 400 : 503, invalid_request ? "invalid" : "unavailable", fault.message);
  if (fault.problem) {
    response.body.resize(response.body.size() - 2);
    response.body += ",\"offset\":" + std::to_string(fault.problem->offset) +
                     ",\"length\":" + std::to_string(fault.problem->length) + "}}";
  }
  return response;
}

HttpResponse json_response(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

}  // namespace sluice::api
