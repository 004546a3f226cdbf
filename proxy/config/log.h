#pragma once
// Logging of every program, set up from its configuration: text or JSON lines on stderr, through spdlog.
#include <string>

#include "sluice/config/v1/proxy.pb.h"

namespace sluice::config {

// Replaces spdlog's default logger; call again to apply a changed configuration. Not while other threads log.
void set_up_log(const std::string& program, const v1::Log& log);

}  // namespace sluice::config
