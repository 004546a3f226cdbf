// sluice-proxy: the point of presence.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "proxy/config/log.h"
#include "proxy/config/proxy_config.h"
#include "proxy/pop/pop.h"
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
void serve(pop::Pop& pop) {
  const sigset_t signals = handled_signals();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return;
    if (auto status = pop.reload()) {
      spdlog::info("configuration reloaded");
    } else {
      spdlog::error("reload refused, the running configuration stays: {}", status.error().message);
    }
  }
}

// Lets open flows go on until `drain` has passed or a second signal comes. True when none was left.
bool drain(pop::Pop& pop, std::chrono::milliseconds drain) {
  const sigset_t signals = handled_signals();
  const auto deadline = std::chrono::steady_clock::now() + drain;
  while (!pop.drained() && std::chrono::steady_clock::now() < deadline) {
    const timespec step{.tv_sec = 0, .tv_nsec = 20'000'000};
    if (const int signal = sigtimedwait(&signals, nullptr, &step); signal == SIGTERM || signal == SIGINT) break;
  }
  return pop.drained();
}

int run(const std::string& file, bool check) {
  auto config = config::load_proxy_config(file);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kUsage;
  }
  if (check) {
    if (auto status = pop::check(config->message); !status) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return kUsage;
    }
    std::printf("%s: ok\n", file.c_str());
    return kDone;
  }
  config::set_up_log("sluice-proxy", config->message.log());
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const report::GrpcThreads grpc;  // its threads leave the signals to us, too
  const std::chrono::milliseconds drain_time(config->message.timeouts().drain_ms());
  auto pop = pop::Pop::start(std::move(*config));
  if (!pop) {
    spdlog::error("{}", pop.error().message);
    return kFailed;
  }
  spdlog::info("ready");
  serve(**pop);
  spdlog::info("draining: no new flows");
  (*pop)->begin_drain();
  if (!drain(**pop, drain_time)) spdlog::warn("closing the flows that are still open");
  (*pop)->finish(true);
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"sluice-proxy: passes flows through, and records every one of them"};
  app.footer(
      "Examples:\n"
      "  sluice-proxy --config proxy.yaml --check    say what is wrong with a configuration, start nothing\n"
      "  sluice-proxy --config proxy.yaml            run; SIGHUP reloads, SIGTERM drains");
  std::string file;
  bool check = false;
  app.add_option("--config", file, "configuration file (YAML)")->required();
  app.add_flag("--check", check, "check the configuration and exit");
  app.set_version_flag("--version", std::string("sluice-proxy ") + SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return run(file, check);
}
