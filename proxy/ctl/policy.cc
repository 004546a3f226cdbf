// sluicectl policy ...: the policy of a running PoP: what would change, changes, and the way back.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "events/query/time_text.h"
#include "proxy/config/policy_config.h"
#include "proxy/ctl/aligned.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/events_table.h"
#include "proxy/ctl/policy_diff.h"
#include "proxy/ctl/pop_commands.h"

namespace sluice::ctl {

namespace v1 = control::v1;

namespace {

struct Options {
  std::string path;
  std::string reason;
  uint64_t number = 0;
  uint64_t against = 0;
};

AdminResult<config::v1::TenantPolicy> parsed(const v1::PolicySource& source) {
  std::vector<config::PolicyText> texts;
  for (const auto& file : source.files()) texts.push_back({file.name(), file.text()});
  auto loaded = config::parse_policy_texts(texts, source.folder());
  if (!loaded) return AdminError{false, "the PoP's policy cannot be read here: " + loaded.error().message};
  return std::move(loaded->message);
}

int diff(const std::string& server, const Options& options) {
  return with_pop(server, [&](AdminClient& pop) -> AdminResult<base::Unit> {
    const auto to = config::load_policy_config(options.path);
    if (!to) return AdminError{true, to.error().message};
    const auto source = pop.policy(options.against);
    if (!source) return source.error();
    const auto from = parsed(*source);
    if (!from) return from.error();
    const std::string text = policy_diff(*from, to->message, Terminal::of_stdout().colour);
    std::fputs(text.empty() ? "nothing changes\n" : text.c_str(), stdout);
    return base::Unit{};
  });
}

AdminResult<base::Unit> tell(const AdminResult<v1::ApplyPolicyResponse>& response) {
  if (!response) return response.error();
  for (const std::string& warning : response->warnings()) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::printf("policy number %llu is in force\n", static_cast<unsigned long long>(response->version().number()));
  return base::Unit{};
}

int put_in_force(const std::string& server, const Options& options) {
  return with_pop(server, [&](AdminClient& pop) -> AdminResult<base::Unit> {
    const auto texts = config::read_policy_texts(options.path);
    if (!texts) return AdminError{true, texts.error().message};
    v1::ApplyPolicyRequest request;
    request.set_reason(options.reason);
    request.set_actor(actor());
    for (const config::PolicyText& text : *texts) {
      auto& file = *request.mutable_source()->add_files();
      file.set_name(std::filesystem::path(text.file).filename().string());
      file.set_text(text.text);
    }
    return tell(pop.apply_policy(request));
  });
}

int rollback(const std::string& server, const Options& options) {
  return with_pop(server, [&](AdminClient& pop) -> AdminResult<base::Unit> {
    v1::RollbackPolicyRequest request;
    request.set_number(options.number);
    request.set_reason(options.reason);
    request.set_actor(actor());
    return tell(pop.rollback_policy(request));
  });
}

int history(const std::string& server) {
  return with_pop(server, [](AdminClient& pop) -> AdminResult<base::Unit> {
    const auto all = pop.policy_history();
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows{{"", "NUMBER", "WHEN", "BY", "SHA-256", "REASON"}};
    for (const v1::PolicyVersion& version : all->versions()) {
      rows.push_back({version.number() == all->active() ? "*" : "", std::to_string(version.number()),
                      query::format_time(version.time()), version.actor(), version.sha256().substr(0, 12),
                      version.reason()});
    }
    std::fputs(rows.size() == 1 ? "no versions\n" : aligned(rows).c_str(), stdout);
    return base::Unit{};
  });
}

}  // namespace

void add_policy_commands(CLI::App& program, const std::shared_ptr<const std::string>& admin, int& exit_code) {
  CLI::App* group = program.add_subcommand("policy", "The policy of a running PoP: compare, apply, go back");
  group->require_subcommand(1);
  group->fallthrough();
  auto options = std::make_shared<Options>();

  CLI::App* diff_command = group->add_subcommand("diff", "Print, rule by rule, what a policy would change");
  diff_command->fallthrough();
  diff_command->add_option("FILE", options->path, "Policy; a folder is one too")->required();
  diff_command->add_option("--against", options->against, "Number in the history instead of the active policy");
  diff_command->footer(
      "+ new, - gone, ~ changed, > moved in its order.\n\nExample:\n  sluicectl policy diff policy.yaml");
  diff_command->callback([=, &exit_code] { exit_code = diff(*admin, *options); });

  CLI::App* apply_command = group->add_subcommand("apply", "Check a policy, keep it as a version, put it in force");
  apply_command->fallthrough();
  apply_command->add_option("FILE", options->path, "Policy; a folder is one too")->required();
  apply_command->add_option("--reason", options->reason, "Why, for the record")->required();
  apply_command->footer(
      "Relative file names in it start where those of the PoP's configured policy do. A later edit of the configured\n"
      "file wins again.\n\nExample:\n  sluicectl policy apply policy.yaml --reason 'block the old file share'");
  apply_command->callback([=, &exit_code] { exit_code = put_in_force(*admin, *options); });

  CLI::App* history_command = group->add_subcommand("history", "Print the versions, who made them, when and why");
  history_command->fallthrough();
  history_command->footer("Example:\n  sluicectl policy history");
  history_command->callback([=, &exit_code] { exit_code = history(*admin); });

  CLI::App* rollback_command = group->add_subcommand("rollback", "Put an earlier version in force, as a new one");
  rollback_command->fallthrough();
  rollback_command->add_option("NUMBER", options->number, "As `policy history` shows it")->required();
  rollback_command->add_option("--reason", options->reason, "Why, for the record")->required();
  rollback_command->footer("Example:\n  sluicectl policy rollback 3 --reason 'the block was too wide'");
  rollback_command->callback([=, &exit_code] { exit_code = rollback(*admin, *options); });
}

}  // namespace sluice::ctl
