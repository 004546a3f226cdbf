#pragma once
// What a policy would do with a flow, rule by rule, in words for people: `sluicectl explain`, and the same question to
// a running PoP.
#include <cstdint>
#include <string>

#include "proxy/base/result.h"
#include "proxy/policy/policy.h"

namespace sluice::explain {

struct Question {
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

// Lines of text; the error says what in the question is wrong.
base::Result<std::string> explain(const policy::Policy& compiled, const Question& question);

}  // namespace sluice::explain
