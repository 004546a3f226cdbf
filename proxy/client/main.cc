// sluice-client: the steering client.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "proxy/client/client.h"
#include "proxy/config/client_config.h"
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
void serve(client::Client& client) {
  const sigset_t signals = handled_signals();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return;
    if (auto status = client.reload()) {
      spdlog::info("configuration reloaded");
    } else {
      spdlog::error("reload refused, the running configuration stays: {}", status.error().message);
    }
  }
}

// Lets open flows go on until `drain` has passed or a second signal comes. True when none was left.
bool drain(client::Client& client, std::chrono::milliseconds drain) {
  const sigset_t signals = handled_signals();
  const auto deadline = std::chrono::steady_clock::now() + drain;
  while (!client.drained() && std::chrono::steady_clock::now() < deadline) {
    const timespec step{.tv_sec = 0, .tv_nsec = 20'000'000};
    if (const int signal = sigtimedwait(&signals, nullptr, &step); signal == SIGTERM || signal == SIGINT) break;
  }
  return client.drained();
}

int run(const std::string& file, bool check) {
  auto config = config::load_client_config(file);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kUsage;
  }
  if (check) {
    const std::string& policy_file = config->message.policy();  // "" = a PoP sends it
    if (const auto policy = client::load_policy(policy_file, 1); !policy_file.empty() && !policy) {
      std::fprintf(stderr, "%s\n", policy.error().message.c_str());
      return kUsage;
    }
    std::printf("%s: ok\n", file.c_str());
    return kDone;
  }
  config::set_up_log("sluice-client", config->message.log());
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const report::GrpcThreads grpc;  // its threads leave the signals to us, too
  const std::chrono::milliseconds drain_time(config->message.timeouts().drain_ms());
  auto client = client::Client::start(std::move(*config));
  if (!client) {
    spdlog::error("{}", client.error().message);
    return kFailed;
  }
  spdlog::info("ready");
  serve(**client);
  spdlog::info("draining: no new flows");
  (*client)->begin_drain();
  if (!drain(**client, drain_time)) spdlog::warn("closing the flows that are still open");
  (*client)->finish();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"sluice-client: steers the traffic of this machine, and records what goes past the cloud"};
  app.footer(
      "Examples:\n"
      "  sluice-client --config client.yaml --check    say what is wrong with a configuration, start nothing\n"
      "  sluice-client --config client.yaml            run; SIGHUP reloads, SIGTERM drains\n"
      "  sluice-client --cleanup                       after a crash of a client whose policy fails closed");
  std::string file;
  bool check = false;
  bool clean_up = false;
  app.add_option("--config", file, "configuration file (YAML)");
  app.add_flag("--cleanup", clean_up, "remove what a client that died has left in the packet filter, and exit");
  app.add_flag("--check", check, "check the configuration and exit");
  app.set_version_flag("--version", std::string("sluice-client ") + SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (clean_up) {
    if (const auto status = client::Capture::clean_up(); !status) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return kFailed;
    }
    return kDone;
  }
  if (file.empty()) {
    std::fprintf(stderr, "--config is required; see sluice-client --help\n");
    return kUsage;
  }
  return run(file, check);
}
