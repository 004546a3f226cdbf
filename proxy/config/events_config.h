#pragma once
// The configuration file of sluice-events: read, defaults filled in, meaning checked.
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "sluice/config/v1/events.pb.h"

namespace sluice::config {

// A checked configuration: every default is filled in, file names are absolute, addresses parse (endpoint_of of
// proxy_config.h). Absent `query`, `health`: that service is off.
struct LoadedEvents {
  v1::Events message;
  std::string file;
};

// The error holds one line for each problem, `FILE:LINE:COLUMN: field.path: sentence`.
base::Result<LoadedEvents> load_events_config(const std::string& file);
// The same of text that was read before; `file` names it in errors and is where relative file names start.
base::Result<LoadedEvents> parse_events_config(std::string_view text, const std::string& file);

}  // namespace sluice::config
