#pragma once
// Usage errors in one sentence, with the nearest command or option.
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::ctl {

// What is wrong with `arguments` (without the program's name), which `program` refused for `reason`.
std::string usage_error(const CLI::App& program, const std::vector<std::string>& arguments, const std::string& reason);

}  // namespace sluice::ctl
