#include "proxy/flow/metadata.h"

#include <catch2/catch.hpp>

#include "proxy/flow/limits.h"

namespace sluice::flow {

namespace {

Metadata everything() {
  Metadata metadata;
  metadata.flow_id = "18d4-2f";
  metadata.process = "Dröp box%";
  metadata.process_path = "/opt/dropbox/dropbox";
  metadata.process_pid = 4711;
  metadata.source = *base::Endpoint::parse("[2001:db8::7]:51234");
  metadata.verdict = SteeringVerdict::kBypass;
  metadata.rule = "Apps, all";
  metadata.policy_version = "3-0a1b2c3d4e5f";
  return metadata;
}

std::string refusal(const char* name, std::string value) {
  std::string why;
  CHECK_FALSE(parse_metadata({{name, std::move(value)}}, why));
  return why;
}

}  // namespace

TEST_CASE("metadata survives the way through header fields") {
  const Metadata sent = everything();
  wire::Fields fields{{"user-agent", "x"}};
  append_metadata(sent, fields);
  CHECK(fields.size() == 9);
  CHECK(*wire::find_field(fields, "sluice-process") == "Dr%C3%B6p%20box%25");
  std::string why;
  const auto read = parse_metadata(fields, why);
  REQUIRE(read);
  CHECK(read->flow_id == sent.flow_id);
  CHECK(read->process == sent.process);
  CHECK(read->process_path == sent.process_path);
  CHECK(read->process_pid == sent.process_pid);
  CHECK(read->source == sent.source);
  CHECK(read->verdict == sent.verdict);
  CHECK(read->rule == sent.rule);
  CHECK(read->policy_version == sent.policy_version);
}

TEST_CASE("metadata that is not what it must be names its field") {
  CHECK(refusal("sluice-process", std::string(metadata_value_bytes_max + 1, 'a')) ==
        "sluice-process is longer than 1 KiB");
  const std::string wrong = " has a value that is not allowed there";
  CHECK(refusal("sluice-process", "%FF") == "sluice-process" + wrong);
  CHECK(refusal("Sluice-Rule", "a%0Ab") == "sluice-rule" + wrong);
  CHECK(refusal("sluice-rule", "50%") == "sluice-rule" + wrong);
  CHECK(refusal("sluice-process-pid", "-1") == "sluice-process-pid" + wrong);
  CHECK(refusal("sluice-process-pid", "4294967296") == "sluice-process-pid" + wrong);
  CHECK(refusal("sluice-source", "10.0.0.1") == "sluice-source" + wrong);
  CHECK(refusal("sluice-verdict", "maybe") == "sluice-verdict" + wrong);
  std::string why;
  CHECK(parse_metadata({{"sluice-process", std::string(metadata_value_bytes_max, 'a')}}, why));
  CHECK(parse_metadata({{"sluice-something-new", "x"}}, why));
}

}  // namespace sluice::flow
