#pragma once
// One entry of an exact URL list: host, optional port, optional path prefix.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/policy/host_pattern.h"

namespace sluice::policy {

struct UrlEntry {
  HostPattern host;
  uint16_t port = 0;  // 0 = any
  std::string path;   // normalised, "" = any; covers paths below it on segment borders
};

// `example.com`, `=www.example.com:8443`, `*.example.com/path`, `192.0.2.0/24`, `[2001:db8::1]:443/path`. A scheme in
// front (`https://`) is ignored. The error is a clause that says what is wrong.
base::Result<UrlEntry> parse_url_entry(std::string_view text);

}  // namespace sluice::policy
