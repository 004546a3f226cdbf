// sluice-events: the event store of one tenant.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "events/server/event_server.h"
#include "proxy/config/events_config.h"
#include "proxy/config/log.h"
#include "proxy/report/grpc_threads.h"

namespace {

using namespace sluice;

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2 };

// The signals that main waits for; blocked in every thread.
sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Until SIGTERM or SIGINT; SIGHUP reloads.
void serve(server::EventServer& server) {
  const sigset_t signals = handled_signals();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return;
    if (const auto status = server.reload(); status.ok()) {
      spdlog::info("configuration reloaded");
    } else {
      spdlog::error("reload refused, the running configuration stays: {}", status.error().message);
    }
  }
}

int run(const std::string& file, bool check) {
  auto config = config::load_events_config(file);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kUsage;
  }
  if (check) {
    std::printf("%s: ok\n", file.c_str());
    return kDone;
  }
  config::set_up_log("sluice-events", config->message.log());
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const report::GrpcThreads grpc;  // its threads leave the signals to us, too
  ::umask(0077);                   // the store's files are for this user only
  std::signal(SIGPIPE, SIG_IGN);
  auto server = server::EventServer::start(std::move(config).value());
  if (!server.ok()) {
    spdlog::error("{}", server.error().message);
    return kFailed;
  }
  spdlog::info("ready");
  serve(**server);
  spdlog::info("stopping: answering what producers sent");
  server->reset();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"sluice-events: keeps the events of a tenant, each exactly once, and finds them again"};
  app.footer(
      "Examples:\n"
      "  sluice-events --config events.yaml --check    say what is wrong with a configuration, start nothing\n"
      "  sluice-events --config events.yaml            run; SIGHUP reloads log and retention, SIGTERM stops");
  std::string file;
  bool check = false;
  app.add_option("--config", file, "configuration file (YAML)")->required();
  app.add_flag("--check", check, "check the configuration and exit");
  app.set_version_flag("--version", std::string("sluice-events ") + SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return run(file, check);
}
