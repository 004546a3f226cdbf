#pragma once
// The configuration file of sluice-proxy: read, defaults filled in, meaning checked.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::config {

// A checked configuration: every default is filled in, file names are absolute, and every address, network and port
// parses (endpoint_of and cidrs_of rely on it). Absent `health`, `admin`, `events`: that service is off.
struct LoadedProxy {
  v1::Proxy message;
  std::string file;
};

// The error holds one line for each problem, `FILE:LINE:COLUMN: field.path: sentence`.
base::Result<LoadedProxy> load_proxy_config(const std::string& file);
// The same of text that was read before; `file` names it in errors and is where relative file names start.
base::Result<LoadedProxy> parse_proxy_config(std::string_view text, const std::string& file);

// Values of a checked configuration.
base::Endpoint endpoint_of(std::string_view checked);
std::vector<base::Cidr> cidrs_of(const google::protobuf::RepeatedPtrField<std::string>& checked);
// Threads to start: the configured number, or one per core.
uint32_t worker_count(const v1::Proxy& checked);

}  // namespace sluice::config
