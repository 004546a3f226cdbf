#pragma once
// Metadata: what a steering client says about a flow when it sends it through its tunnel, as header fields of the
// CONNECT (names below, texts percent-encoded UTF-8).
//
//   sluice-flow-id: 18d4-2f       sluice-process: dropbox            sluice-process-path: /opt/dropbox/dropbox
//   sluice-process-pid: 4711      sluice-source: 10.0.0.7:51234      sluice-verdict: steer | bypass
//   sluice-rule: Dropbox          sluice-policy-version: 3-0a1b2c3d4e5f
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/flow/record.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::flow {

struct Metadata {
  std::string flow_id;
  std::string process;  // base name of the executable; "" when it could not be told
  std::string process_path;
  uint32_t process_pid = 0;
  std::optional<base::Endpoint> source;  // of the app's socket
  SteeringVerdict verdict = SteeringVerdict::kUnspecified;
  std::string rule;
  std::string policy_version;
};

// Reads the fields above and ignores all others. Nothing when one of them is not what it must be: too long (1 KiB a
// value), not percent-encoded UTF-8, a number that is none; `why` then gets one clause with its name.
std::optional<Metadata> parse_metadata(const wire::Fields& fields, std::string& why);
// What the record keeps of it; the record names the device already.
void note_metadata(Metadata metadata, FlowRecord& record);
void append_metadata(const Metadata& metadata, wire::Fields& fields);

}  // namespace sluice::flow
