#pragma once
// The part of `sluicectl explain` that is about a tenant's policy: every rule in order, and the verdict.
#include <cstdint>
#include <string>

namespace sluice::ctl {

struct PolicyQuestion {
  std::string policy;  // file or folder
  std::string host;
  uint16_t port = 443;
  std::string source;
  std::string address;  // of the origin, "" = not known yet
  std::string user;
  std::string process;
  std::string process_path;
  std::string platform;  // windows, macos, linux
  std::string layer;     // client, pop; "" = both, in the order in which a flow passes them
  std::string method;    // "" = no request known
  std::string path;
};

// Prints; the result is the program's exit code.
int explain_policy(const PolicyQuestion& question);

}  // namespace sluice::ctl
