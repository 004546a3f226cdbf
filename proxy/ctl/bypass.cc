// sluicectl bypass ...: hosts and processes that a PoP and its clients let pass untouched for a while.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "events/query/time_text.h"
#include "proxy/ctl/admin_client.h"
#include "proxy/ctl/aligned.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/pop_commands.h"

namespace sluice::ctl {

namespace v1 = control::v1;

namespace {

struct Options {
  uint32_t minutes = 0;
  std::string span;
  std::string host, process, reason, id;
};

int add(const std::string& server, const Options& options) {
  v1::AddBypassRequest request;
  request.set_host(options.host);
  request.set_process(options.process);
  request.set_reason(options.reason);
  request.set_actor(actor());
  request.set_duration_ms(int64_t{options.minutes} * 60'000);
  if (!options.span.empty()) {
    const auto span = query::parse_span(options.span);
    if (!span) {
      std::fprintf(stderr, "sluicectl: --for is a span such as 90s, 10m or 2h, not \"%s\"\n", options.span.c_str());
      return exit_usage;
    }
    request.set_duration_ms(*span);
  }
  return with_pop(server, [&](AdminClient& pop) -> AdminResult<base::Unit> {
    const auto made = pop.add_bypass(request);
    if (!made) return made.error();
    std::printf("timed bypass %s until %s\n", made->id().c_str(), query::format_time(made->expires_time()).c_str());
    return base::Unit{};
  });
}

int list(const std::string& server) {
  return with_pop(server, [](AdminClient& pop) -> AdminResult<base::Unit> {
    const auto all = pop.bypasses();
    if (!all) return all.error();
    std::vector<std::vector<std::string>> rows{{"ID", "HOST", "PROCESS", "UNTIL", "BY", "REASON"}};
    for (const v1::TimedBypass& bypass : all->bypasses()) {
      rows.push_back({bypass.id(), bypass.host().empty() ? "*" : bypass.host(),
                      bypass.process().empty() ? "*" : bypass.process(), query::format_time(bypass.expires_time()),
                      bypass.actor(), bypass.reason()});
    }
    std::fputs(rows.size() == 1 ? "no timed bypasses\n" : aligned(rows).c_str(), stdout);
    return base::Unit{};
  });
}

int erase(const std::string& server, const std::string& id) {
  return with_pop(server, [&](AdminClient& pop) -> AdminResult<base::Unit> {
    v1::DeleteBypassRequest request;
    request.set_id(id);
    request.set_actor(actor());
    const auto gone = pop.delete_bypass(request);
    if (!gone) return gone.error();
    std::printf("timed bypass %s deleted\n", gone->id().c_str());
    return base::Unit{};
  });
}

}  // namespace

void add_bypass_commands(CLI::App& program, const std::shared_ptr<const std::string>& admin, int& exit_code) {
  CLI::App* group = program.add_subcommand("bypass", "Timed bypasses: traffic that passes untouched for a while");
  group->require_subcommand(1);
  group->fallthrough();
  auto options = std::make_shared<Options>();

  CLI::App* add_command = group->add_subcommand("add", "Let a host, a process, or one at the other pass untouched");
  add_command->fallthrough();
  add_command->add_option("--host", options->host, "Name as in a policy: example.com, =example.com, 192.0.2.0/24");
  add_command->add_option("--process", options->process, "Base name of the executable; clients only know it");
  auto* minutes = add_command->add_option("--minutes", options->minutes, "For so long")->check(CLI::PositiveNumber);
  add_command->add_option("--for", options->span, "For a span such as 90s, 10m or 2h; at most 7 days")
      ->excludes(minutes);
  add_command->add_option("--reason", options->reason, "Why, for the record")->required();
  add_command->footer(
      "It ends by itself, and is recorded as an audit record when it begins and ends.\n\nExample:\n"
      "  sluicectl bypass add --host bank.example --process backup --minutes 10 --reason 'ticket 4711'");
  add_command->callback([=, &exit_code] { exit_code = add(*admin, *options); });

  CLI::App* list_command = group->add_subcommand("list", "Print those that hold");
  list_command->fallthrough();
  list_command->footer("Example:\n  sluicectl bypass list");
  list_command->callback([=, &exit_code] { exit_code = list(*admin); });

  CLI::App* delete_command = group->add_subcommand("delete", "End one now");
  delete_command->fallthrough();
  delete_command->add_option("ID", options->id, "As `bypass list` shows it")->required();
  delete_command->footer("Example:\n  sluicectl bypass delete 5f1c09e2");
  delete_command->callback([=, &exit_code] { exit_code = erase(*admin, options->id); });
}

}  // namespace sluice::ctl
