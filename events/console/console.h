#pragma once
// The console's files, as the server hands them out.
#include <string>

#include "events/api/http.h"

namespace sluice::console {

// The answer for one path, e.g. "/index.html"; null if there is no such file. Any thread.
const api::HttpResponse* find_file(const std::string& path);

}  // namespace sluice::console
