#pragma once
// The command groups of sluicectl, one file each. A group adds its subcommands to `program`; the callback of the one
// that was called sets `exit_code`. Both must live until parsing is over.

#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace sluice::ctl {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;  // the thing asked for failed
constexpr int exit_usage = 2;   // usage or configuration error

void add_ca_commands(CLI::App& program, int& exit_code);
void add_config_commands(CLI::App& program, int& exit_code);
void add_events_commands(CLI::App& program, int& exit_code);
void add_explain_command(CLI::App& program, int& exit_code);
// Those that talk to a PoP; they share --admin.
void add_pop_commands(CLI::App& program, int& exit_code);
void add_bypass_commands(CLI::App& program, const std::shared_ptr<const std::string>& admin, int& exit_code);
void add_policy_commands(CLI::App& program, const std::shared_ptr<const std::string>& admin, int& exit_code);

}  // namespace sluice::ctl
