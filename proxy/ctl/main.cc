// sluicectl: the operator's tool. Exit codes: 0 done, 1 the thing asked for failed, 2 usage or configuration error.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "proxy/ctl/commands.h"
#include "proxy/ctl/usage.h"
#include "proxy/report/grpc_threads.h"

namespace {

constexpr const char* examples =
    "Examples:\n"
    "  sluicectl ca init --dir /etc/sluice/ca --name Acme\n"
    "  sluicectl ca issue-server --dir /etc/sluice/ca --name store --san DNS:store.example,IP:192.0.2.7 --out store\n"
    "  sluicectl config check /etc/sluice/proxy.yaml /etc/sluice/events.yaml\n"
    "  sluicectl config show /etc/sluice/proxy.yaml\n"
    "  sluicectl explain --config /etc/sluice/proxy.yaml --host client.dropbox.com --port 443\n"
    "  sluicectl events search 'app eq Dropbox and bypass_traffic eq yes' --last 1h\n"
    "  sluicectl policy diff policy.yaml && sluicectl policy apply policy.yaml --reason 'ticket 4711'\n"
    "  sluicectl bypass add --host bank.example --minutes 10 --reason 'ticket 4712'\n"
    "  sluicectl status\n"
    "\n"
    "Exit codes: 0 done, 1 the thing asked for failed, 2 usage or configuration error.";

int run(int argc, char** argv) {
  int exit_code = sluice::ctl::exit_done;
  CLI::App program("Operates Sluice: certificate authorities, configuration, events, running PoPs.", "sluicectl");
  program.set_version_flag("--version", std::string("sluicectl ") + SLUICE_VERSION, "Print the version and exit");
  program.require_subcommand(1);
  sluice::ctl::add_ca_commands(program, exit_code);
  sluice::ctl::add_config_commands(program, exit_code);
  sluice::ctl::add_events_commands(program, exit_code);
  sluice::ctl::add_explain_command(program, exit_code);
  sluice::ctl::add_pop_commands(program, exit_code);
  for (CLI::App* group : program.get_subcommands([](CLI::App* one) { return one->get_require_subcommand_min() > 0; })) {
    group->footer("Examples: sluicectl " + group->get_name() + " COMMAND --help");
  }
  program.footer(examples);  // last: commands would inherit it
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);  // --help, --version
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::fprintf(stderr, "sluicectl: %s\n", sluice::ctl::usage_error(program, arguments, error.what()).c_str());
    return sluice::ctl::exit_usage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const sluice::report::GrpcThreads grpc;
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "sluicectl: %s\n", exception.what());
    return sluice::ctl::exit_failed;
  }
}
