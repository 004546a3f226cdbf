#include "proxy/flow/metadata.h"

#include <limits>

#include "proxy/base/text.h"
#include "proxy/flow/limits.h"
#include "proxy/wire/percent.h"

namespace sluice::flow {

namespace {

// One value of one field into one member; false when it is not what it must be.
bool read_text(std::string_view value, std::string& to) {
  auto text = wire::percent_decode(value);
  if (!text || !wire::is_clean_utf8(*text)) return false;
  to = std::move(*text);
  return true;
}

bool read_pid(std::string_view value, uint32_t& to) {
  const auto number = base::parse_decimal(value);
  if (!number || *number > std::numeric_limits<uint32_t>::max()) return false;
  to = static_cast<uint32_t>(*number);
  return true;
}

bool read_source(std::string_view value, std::optional<base::Endpoint>& to) {
  to = base::Endpoint::parse(value);
  return to.has_value();
}

bool read_verdict(std::string_view value, SteeringVerdict& to) {
  if (value != "steer" && value != "bypass") return false;
  to = value == "steer" ? SteeringVerdict::kSteer : SteeringVerdict::kBypass;
  return true;
}

bool read(std::string_view name, std::string_view value, Metadata& to) {
  if (name == "sluice-flow-id") return read_text(value, to.flow_id);
  if (name == "sluice-process") return read_text(value, to.process);
  if (name == "sluice-process-path") return read_text(value, to.process_path);
  if (name == "sluice-process-pid") return read_pid(value, to.process_pid);
  if (name == "sluice-source") return read_source(value, to.source);
  if (name == "sluice-verdict") return read_verdict(value, to.verdict);
  if (name == "sluice-rule") return read_text(value, to.rule);
  if (name == "sluice-policy-version") return read_text(value, to.policy_version);
  return true;  // not ours
}

void append_text(const char* name, const std::string& value, wire::Fields& fields) {
  if (!value.empty()) fields.push_back({name, wire::percent_encode(value)});
}

}  // namespace

std::optional<Metadata> parse_metadata(const wire::Fields& fields, std::string& why) {
  Metadata metadata;
  for (const wire::Field& field : fields) {
    const std::string name = base::ascii_lower(field.name);
    if (!name.starts_with("sluice-")) continue;
    if (field.value.size() > metadata_value_bytes_max) {
      why = name + " is longer than 1 KiB";
      return std::nullopt;
    }
    if (!read(name, field.value, metadata)) {
      why = name + " has a value that is not allowed there";
      return std::nullopt;
    }
  }
  return metadata;
}

void note_metadata(Metadata metadata, FlowRecord& record) {
  const std::string device = record.device ? record.device->id : "";
  if (!metadata.flow_id.empty()) record.correlation_id = device + "/" + metadata.flow_id;
  const bool told = !metadata.flow_id.empty() || !metadata.process.empty();
  if (told) {
    record.process_identity = metadata.process.empty()        ? ProcessIdentity::kNone
                              : metadata.process_path.empty() ? ProcessIdentity::kName
                                                              : ProcessIdentity::kPath;
  }
  record.process_name = std::move(metadata.process);
  record.process_path = std::move(metadata.process_path);
  record.process_pid = metadata.process_pid;
  record.app_source = metadata.source;
  record.client_verdict = metadata.verdict;
  record.client_policy = std::move(metadata.rule);
  record.client_policy_version = std::move(metadata.policy_version);
}

void append_metadata(const Metadata& metadata, wire::Fields& fields) {
  append_text("sluice-flow-id", metadata.flow_id, fields);
  append_text("sluice-process", metadata.process, fields);
  append_text("sluice-process-path", metadata.process_path, fields);
  if (metadata.process_pid != 0) fields.push_back({"sluice-process-pid", std::to_string(metadata.process_pid)});
  if (metadata.source) fields.push_back({"sluice-source", metadata.source->to_string()});
  if (metadata.verdict != SteeringVerdict::kUnspecified) {
    fields.push_back({"sluice-verdict", metadata.verdict == SteeringVerdict::kSteer ? "steer" : "bypass"});
  }
  append_text("sluice-rule", metadata.rule, fields);
  append_text("sluice-policy-version", metadata.policy_version, fields);
}

}  // namespace sluice::flow
