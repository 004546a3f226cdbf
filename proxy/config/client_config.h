#pragma once
// The configuration file of sluice-client: read, defaults filled in, meaning checked.
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "sluice/config/v1/client.pb.h"

namespace sluice::config {

// A checked configuration: every default is filled in, file names are absolute, every address parses. Absent `health`,
// `events`: that service is off. Empty `client_log.file`, `client_log.jsonl`: that log is off.
struct LoadedClient {
  v1::Client message;
  std::string file;
};

// The error holds one line for each problem, `FILE:LINE:COLUMN: field.path: sentence`.
base::Result<LoadedClient> load_client_config(const std::string& file);
// The same of text that was read before; `file` names it in errors and is where relative file names start.
base::Result<LoadedClient> parse_client_config(std::string_view text, const std::string& file);

}  // namespace sluice::config
