// sluicectl config ...: checks and shows configuration files without starting anything.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/file.h"
#include "proxy/config/client_config.h"
#include "proxy/config/events_config.h"
#include "proxy/config/kind.h"
#include "proxy/config/limits.h"
#include "proxy/config/proxy_config.h"
#include "proxy/config/show.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/load_policy.h"
#include "proxy/tls/password.h"

namespace sluice::ctl {

namespace {

using config::Kind;

// The effective configuration of a file as YAML, after every check that the program itself would make.
base::Result<std::string> proxy_yaml(const std::string& text, const std::string& file) {
  const auto loaded = config::parse_proxy_config(text, file);
  if (!loaded) return loaded.error();
  for (const auto& listener : loaded->message.listeners()) {
    if (!listener.has_auth()) continue;
    if (const auto users = tls::Passwords::load(listener.auth().basic()); !users) return users.error();
  }
  return config::redacted_yaml(loaded->message);
}

base::Result<std::string> events_yaml(const std::string& text, const std::string& file) {
  const auto loaded = config::parse_events_config(text, file);
  if (!loaded) return loaded.error();
  return config::redacted_yaml(loaded->message);
}

base::Result<std::string> client_yaml(const std::string& text, const std::string& file) {
  const auto loaded = config::parse_client_config(text, file);
  if (!loaded) return loaded.error();
  return config::redacted_yaml(loaded->message);
}

// Of a folder the files make one policy.
base::Result<std::string> policy_yaml(const std::string& path) {
  const auto loaded = load_policy(path);
  if (!loaded) return loaded.error();
  for (const std::string& warning : loaded->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  return config::redacted_yaml(loaded->source.message);
}

base::Result<std::string> effective_yaml(const std::string& file, std::optional<Kind> kind) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) return policy_yaml(file);
  const auto text = base::read_file(file, config::file_bytes_max);
  if (!text) return text.error();
  if (!kind) {
    const auto found = config::kind_of(*text, file);
    if (!found) return found.error();
    kind = *found;
  }
  switch (*kind) {
    case Kind::kProxy: return proxy_yaml(*text, file);
    case Kind::kEvents: return events_yaml(*text, file);
    case Kind::kPolicy: return policy_yaml(file);
    case Kind::kClient: return client_yaml(*text, file);
  }
  return base::Error{file + ": of no known kind"};
}

struct Options {
  std::vector<std::string> files;
  std::string kind;

  std::optional<Kind> chosen() const {
    if (kind.empty()) return std::nullopt;
    if (kind == "policy") return Kind::kPolicy;
    if (kind == "client") return Kind::kClient;
    return kind == "proxy" ? Kind::kProxy : Kind::kEvents;
  }
};

void add_kind(CLI::App& command, Options& options) {
  command.add_option("--kind", options.kind, "proxy, events, policy or client; default: told by the file's keys")
      ->check(CLI::IsMember({"proxy", "events", "policy", "client"}));
}

int check(const Options& options) {
  int exit_code = exit_done;
  for (const std::string& file : options.files) {
    const auto yaml = effective_yaml(file, options.chosen());
    if (yaml) {
      std::printf("%s: ok\n", file.c_str());
    } else {
      std::fprintf(stderr, "%s\n", yaml.error().message.c_str());
      exit_code = exit_usage;
    }
  }
  return exit_code;
}

int show(const Options& options) {
  const auto yaml = effective_yaml(options.files.front(), options.chosen());
  if (!yaml) {
    std::fprintf(stderr, "%s\n", yaml.error().message.c_str());
    return exit_usage;
  }
  std::fputs(yaml->c_str(), stdout);
  return exit_done;
}

}  // namespace

void add_config_commands(CLI::App& program, int& exit_code) {
  CLI::App* group = program.add_subcommand("config", "Configuration files");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* check_command = group->add_subcommand("check", "Check files; errors name file, line, column and field");
  check_command->add_option("FILE", options->files, "Configuration files; a folder is a policy")->required();
  add_kind(*check_command, *options);
  check_command->footer("Example:\n  sluicectl config check proxy.yaml events.yaml policy.yaml");
  check_command->callback([options, &exit_code] { exit_code = check(*options); });

  CLI::App* show_command = group->add_subcommand("show", "Print a file as the program sees it, with every default");
  show_command->add_option("FILE", options->files, "Configuration file")->required()->expected(1);
  add_kind(*show_command, *options);
  show_command->footer("Secrets are redacted.\n\nExample:\n  sluicectl config show proxy.yaml");
  show_command->callback([options, &exit_code] { exit_code = show(*options); });
}

}  // namespace sluice::ctl
