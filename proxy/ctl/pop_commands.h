#pragma once
// What commands that talk to a PoP have in common.
#include <functional>
#include <string>

#include "proxy/ctl/admin_client.h"

namespace sluice::ctl {

// Connects to the PoP at `server`, does `work`, and says what went wrong; the exit code.
int with_pop(const std::string& server, const std::function<AdminResult<base::Unit>(AdminClient&)>& work);

}  // namespace sluice::ctl
