#include "proxy/ctl/usage.h"

#include <CLI/CLI.hpp>

#include "proxy/config/problems.h"

namespace sluice::ctl {

namespace {

const CLI::App* subcommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* candidate : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (candidate->get_name() == name) return candidate;
  }
  return nullptr;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* candidate : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(candidate->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "sluicectl config check"
std::string path_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : path_of(*parent) + " " + app.get_name();
}

// `reason` as one sentence without line breaks and final full stop.
std::string one_line(std::string reason) {
  for (char& c : reason) {
    if (c == '\n') c = ' ';
  }
  while (reason.ends_with(' ') || reason.ends_with('.')) reason.pop_back();
  return reason;
}

}  // namespace

std::string usage_error(const CLI::App& program, const std::vector<std::string>& arguments, const std::string& reason) {
  const CLI::App* app = &program;
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& word = arguments[i];
    if (word.size() > 1 && word.starts_with('-')) {
      const std::string name = word.substr(0, word.find('='));
      const CLI::Option* option = app->get_option_no_throw(name);
      if (option == nullptr && name.starts_with("--")) {
        return "unknown option " + config::backquoted(name) + config::did_you_mean(name, option_names(*app)) +
               "; see `" + path_of(*app) + " --help`";
      }
      // The word behind an option that takes a value is no command.
      if (option != nullptr && option->get_items_expected_min() > 0 && name.size() == word.size()) ++i;
      continue;
    }
    const std::vector<std::string> known = subcommand_names(*app);
    if (known.empty()) break;
    const CLI::App* next = subcommand(*app, word);
    if (next == nullptr) {
      const std::string near = config::did_you_mean(word, known);
      return "unknown command " + config::backquoted(word) +
             (near.empty() ? "; known: " + config::backquoted_list(known, ", ") : near);
    }
    app = next;
  }
  if (const auto known = subcommand_names(*app); !known.empty()) {
    return "a command is missing; known: " + config::backquoted_list(known, ", ") + "; see `" + path_of(*app) +
           " --help`";
  }
  return one_line(reason) + "; see `" + path_of(*app) + " --help`";
}

}  // namespace sluice::ctl
