// sluicectl token ...: who may use the HTTP interface of an event store.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "events/query/time_text.h"
#include "proxy/base/time.h"
#include "proxy/ctl/aligned.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/events_options.h"
#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace v1 = events::v1;

namespace {

std::string joined_scopes(const v1::Token& token) {
  std::string text;
  for (const std::string& scope : token.scopes()) text += (text.empty() ? "" : ",") + scope;
  return text;
}

int create(const EventsOptions& options) {
  v1::CreateTokenRequest request;
  request.set_name(options.token_name);
  for (const std::string& scope : options.scopes) request.add_scopes(scope);
  if (!options.expires.empty()) {
    const auto span = query::parse_span(options.expires);
    if (!span) return events_usage("--expires is a span such as 30d, not \"" + options.expires + '"');
    request.set_expires_time(base::epoch_ms(base::wall_now()) + *span);
  }
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  const auto made = client->create_token(request);
  if (!made.ok()) return events_failed(made.error(), "");
  std::printf("%s\n", made->secret().c_str());
  std::fprintf(stderr, "token %s for %s, scopes %s; it is not shown again\n", made->token().id().c_str(),
               printable(made->token().name()).c_str(), joined_scopes(made->token()).c_str());
  return exit_done;
}

int list(const EventsOptions& options) {
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  const auto tokens = client->list_tokens();
  if (!tokens.ok()) return events_failed(tokens.error(), "");
  if (tokens->tokens().empty()) {
    std::puts("no tokens; make one with `sluicectl token create NAME --scope read,export`");
    return exit_done;
  }
  const int64_t now = base::epoch_ms(base::wall_now());
  const auto time = [](int64_t ms) { return ms == 0 ? std::string("never") : local_time(ms); };
  std::vector<std::vector<std::string>> rows{{"ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED"}};
  for (const v1::Token& token : tokens->tokens()) {
    const bool expired = token.expires_time() != 0 && token.expires_time() <= now;
    rows.push_back({token.id(), token.name(), joined_scopes(token), time(token.created_time()),
                    expired ? "expired" : time(token.expires_time()), time(token.last_used_time())});
  }
  std::fputs(aligned(rows).c_str(), stdout);
  return exit_done;
}

int revoke(const EventsOptions& options) {
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  v1::RevokeTokenRequest request;
  request.set_id(options.token_name);
  const auto revoked = client->revoke_token(request);
  if (!revoked.ok()) {
    CallError error = revoked.error();
    if (error.usage) error.message += "; `sluicectl token list` shows those there are";
    return events_failed(error, "");
  }
  std::printf("token %s is revoked\n", request.id().c_str());
  return exit_done;
}
}  // namespace

void add_token_commands(CLI::App& program, EventsOptions& options, int& exit_code) {
  CLI::App* group = program.add_subcommand("token", "Create, list and revoke tokens of the HTTP interface");
  group->require_subcommand(1);
  group->fallthrough();

  CLI::App* create_command = group->add_subcommand("create", "Print a new token; it is shown this once");
  create_command->fallthrough();
  create_command->add_option("name", options.token_name, "Who uses it")->required();
  create_command->add_option("--scope", options.scopes, "read, export or admin; several are separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"read", "export", "admin"}))
      ->capture_default_str();
  create_command->add_option("--expires", options.expires, "After this span, e.g. 90d; never without it");
  create_command->footer(
      "Examples:\n"
      "  sluicectl token create analyst --scope read\n"
      "  sluicectl token create siem --scope read,export --expires 90d > siem.token");
  create_command->callback([&options, &exit_code] { exit_code = create(options); });

  CLI::App* list_command = group->add_subcommand("list", "Print the tokens, without their secrets");
  list_command->fallthrough();
  list_command->footer("Example:\n  sluicectl token list");
  list_command->callback([&options, &exit_code] { exit_code = list(options); });

  CLI::App* revoke_command = group->add_subcommand("revoke", "End a token at once");
  revoke_command->fallthrough();
  revoke_command->add_option("id", options.token_name, "As `token list` shows it")->required();
  revoke_command->footer("Example:\n  sluicectl token revoke a0bf235c");
  revoke_command->callback([&options, &exit_code] { exit_code = revoke(options); });
}

}  // namespace sluice::ctl
