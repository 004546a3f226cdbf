// sluicectl events ...: search, follow and count what an event store holds.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "events/query/limits.h"
#include "events/query/time_text.h"
#include "proxy/base/time.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/events_options.h"
#include "proxy/ctl/events_table.h"
#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace v1 = events::v1;

int events_usage(const std::string& message) {
  std::fprintf(stderr, "sluicectl: %s\n", message.c_str());
  return exit_usage;
}

int events_failed(const CallError& error, const std::string& query) {
  std::fprintf(stderr, "sluicectl: %s\n", error.message.c_str());
  if (error.problem) std::fputs(marked(query, *error.problem).c_str(), stderr);
  return error.usage ? exit_usage : exit_failed;
}

// Epoch ms of --last, --from and --to; "" or the sentence that says what is wrong.
std::string read_range(const EventsOptions& options, v1::SearchRequest& request) {
  const int64_t now_ms = base::epoch_ms(base::wall_now());
  if (!options.last.empty()) {
    const auto span = query::parse_span(options.last);
    if (!span) return "--last is a span such as 30m, 1h or 7d, not \"" + options.last + '"';
    request.set_start_time(std::max<int64_t>(now_ms - *span, 1));
  }
  const auto time = [&](const char* name, const std::string& text, auto set) -> std::string {
    if (text.empty()) return "";
    const auto parsed = query::parse_time(text, now_ms);
    if (!parsed)
      return std::string(name) + " is a time such as now-1h, 2026-01-31T10:00:00Z or epoch seconds, not \"" + text +
             '"';
    set(*parsed);
    return "";
  };
  if (auto wrong = time("--from", options.from, [&](int64_t ms) { request.set_start_time(ms); }); !wrong.empty()) {
    return wrong;
  }
  return time("--to", options.to, [&](int64_t ms) { request.set_end_time(ms); });
}

namespace {

constexpr const char* export_examples =
    "Examples:\n"
    "  sluicectl events export 'action eq block' --last 7d --format csv --output blocked.csv\n"
    "  sluicectl events export --from 2026-01-01 --to 2026-02-01 --format ocsf | gzip > january.ndjson.gz";
constexpr const char* query_help =
    "What to look for, e.g. 'app eq Dropbox and bypass_traffic eq yes'; all page events without it";
constexpr const char* tail_examples =
    "Examples:\n"
    "  sluicectl events tail 'action in (block, alert)'\n"
    "  sluicectl events tail --open --format ndjson 'user eq anna@acme.test'";
constexpr const char* search_examples =
    "Examples:\n"
    "  sluicectl events search 'app eq Dropbox and bypass_traffic eq yes' --last 1h\n"
    "  sluicectl events search 'srcip in 10.0.0.0/8 and (action eq block or close_reason like timeout)'\n"
    "  sluicectl events search 'record_type in (gap, notice)' --from 2026-01-31 --format ndjson\n"
    "Operators: eq ne gt ge lt le like ~ in (...) in NETWORK from A to B exists; and, or, not, parentheses.";

int search(const EventsOptions& options) {
  v1::SearchRequest request;
  request.set_query(options.query());
  request.set_view(options.chosen_view());
  if (const std::string wrong = read_range(options, request); !wrong.empty()) return events_usage(wrong);
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  std::unique_ptr<EventsOutput> output;  // nothing is printed before the first answer
  uint32_t left = options.limit;
  while (true) {
    request.set_page_size(std::min(left, query::page_size_max));
    auto page = client->search(request);
    if (!page.ok()) return events_failed(page.error(), request.query());
    if (!output) output = std::make_unique<EventsOutput>(options.chosen_format(), false);
    for (const v1::StoredRecord& record : page->records()) output->write(record);
    left -= std::min(left, static_cast<uint32_t>(page->records_size()));
    request.set_page_token(page->next_page_token());
    if (left == 0 || request.page_token().empty()) {
      output->finish(!request.page_token().empty());
      return exit_done;
    }
  }
}

int tail(const EventsOptions& options) {
  v1::TailRequest request;
  request.set_query(options.query());
  request.set_view(options.chosen_view());
  request.set_from_offset(options.from_offset);
  request.set_include_open(options.open);
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  std::unique_ptr<EventsOutput> output;
  uint64_t next_offset = 0;
  const auto ended = client->tail(request, [&](const v1::TailResponse& response) {
    if (!output) output = std::make_unique<EventsOutput>(options.chosen_format(), true);
    for (const v1::StoredRecord& record : response.records()) output->write(record);
    output->flush();
    next_offset = response.next_offset();
    if (response.skipped() > 0) {
      std::fprintf(stderr, "sluicectl: %llu events were skipped, because they came faster than they were read\n",
                   static_cast<unsigned long long>(response.skipped()));
    }
    return std::ferror(stdout) == 0;
  });
  if (ended.ok()) return exit_done;
  const int code = events_failed(ended.error(), request.query());
  if (next_offset > 0) {
    std::fprintf(stderr, "sluicectl: go on where this ended with --from-offset %llu\n",
                 static_cast<unsigned long long>(next_offset));
  }
  return code;
}

int backup(const EventsOptions& options) {
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  v1::BackupRequest request;
  request.set_directory(std::filesystem::absolute(options.directory).lexically_normal().string());
  const auto made = client->backup(request);
  if (!made.ok()) return events_failed(made.error(), "");
  std::printf("%s: %u files, %s\n", request.directory().c_str(), made->files(), human_bytes(made->bytes()).c_str());
  return exit_done;
}

int stats(const EventsOptions& options) {
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  const auto stats = client->stats();
  if (!stats.ok()) return events_failed(stats.error(), "");
  std::fputs(stats_text(*stats).c_str(), stdout);
  return exit_done;
}

void add_common(CLI::App& command, EventsOptions& options) {
  command.add_option("query", options.words, query_help);
  command.add_option("--format", options.format, "How to print")
      ->check(CLI::IsMember(format_names()))
      ->capture_default_str();
  command.add_option("--view", options.view, "primary, or all: also the other view of flows that were seen twice")
      ->check(CLI::IsMember({"primary", "all"}))
      ->capture_default_str();
  command.fallthrough();
}
}  // namespace

void add_events_commands(CLI::App& program, int& exit_code) {
  auto options = std::make_shared<EventsOptions>();
  program.add_option("--server", options->server, "The event store: unix:PATH or host:port (not encrypted)")
      ->envname("SLUICE_SERVER")
      ->capture_default_str();
  CLI::App* group = program.add_subcommand("events", "Search, follow and count events");
  group->require_subcommand(1);
  group->fallthrough();

  CLI::App* search_command = group->add_subcommand("search", "Print the events that match, newest first");
  add_common(*search_command, *options);
  search_command->footer(search_examples);
  auto* last = search_command->add_option("--last", options->last, "Events that began within this span, e.g. 1h");
  search_command->add_option("--from", options->from, "Events that began at or after this time")->excludes(last);
  search_command->add_option("--to", options->to, "Events that began before this time");
  search_command->add_option("--limit", options->limit, "Print at most so many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  search_command->callback([options, &exit_code] { exit_code = search(*options); });

  CLI::App* tail_command = group->add_subcommand("tail", "Print events as they are finished, until interrupted");
  add_common(*tail_command, *options);
  tail_command->add_option("--from-offset", options->from_offset, "Begin behind this store offset; 0 is now");
  tail_command->add_flag("--open", options->open, "Also events that still run, each time they change");
  tail_command->footer(tail_examples);
  tail_command->callback([options, &exit_code] { exit_code = tail(*options); });

  CLI::App* export_command = group->add_subcommand(
      "export", "Write all final events that match, newest first; an export that ended early can go on");
  add_common(*export_command, *options);
  export_command->footer(export_examples);
  auto* export_last = export_command->add_option("--last", options->last, "Events that began within this span");
  export_command->add_option("--from", options->from, "Events that began at or after this time")->excludes(export_last);
  export_command->add_option("--to", options->to, "Events that began before this time; now, if it is not given");
  export_command->add_option("--output", options->output, "Write to this file instead of standard output");
  export_command->add_option("--resume", options->resume, "Go on where an earlier export ended, with its own options");
  export_command->callback([options, &exit_code] { exit_code = export_events(*options); });

  CLI::App* backup_command = group->add_subcommand("backup", "Copy the store into a new folder while it goes on");
  backup_command->fallthrough();
  backup_command->add_option("directory", options->directory, "On the machine of the event store")->required();
  backup_command->footer("Example:\n  sluicectl events backup /var/backups/sluice-2026-01-31");
  backup_command->callback([options, &exit_code] { exit_code = backup(*options); });
  add_token_commands(program, *options, exit_code);

  CLI::App* stats_command = group->add_subcommand("stats", "Print what the store holds and who delivers to it");
  stats_command->fallthrough();
  stats_command->footer("Example:\n  sluicectl events stats");
  stats_command->callback([options, &exit_code] { exit_code = stats(*options); });
}

}  // namespace sluice::ctl
