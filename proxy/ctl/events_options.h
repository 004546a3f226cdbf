#pragma once
// What the `events` and `token` commands have in common: their options, and how a failed call is told.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/ctl/events_client.h"
#include "proxy/ctl/events_output.h"

namespace CLI {
class App;
}

namespace sluice::ctl {

inline constexpr const char* default_server = "unix:/run/sluice/events.sock";
inline constexpr uint32_t limit_default = 100;

// What was asked for on the command line.
struct EventsOptions {
  std::string server = default_server;
  std::vector<std::string> words;
  std::string last;
  std::string from;
  std::string to;
  uint32_t limit = limit_default;
  std::string view = "primary";
  std::string format = "table";
  uint64_t from_offset = 0;
  bool open = false;
  std::string output;
  std::string resume;
  std::string directory;
  std::string token_name;
  std::vector<std::string> scopes{"read"};
  std::string expires;

  std::string query() const {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  Format chosen_format() const {
    const auto& names = format_names();
    return static_cast<Format>(std::find(names.begin(), names.end(), format) - names.begin());
  }
  events::v1::View chosen_view() const { return view == "all" ? events::v1::VIEW_ALL : events::v1::VIEW_PRIMARY; }
};

// Each tells its sentence on standard error and returns the exit code.
int events_usage(const std::string& message);
int events_failed(const CallError& error, const std::string& query);
// Epoch ms of --last, --from and --to; "" or the sentence that says what is wrong.
std::string read_range(const EventsOptions& options, events::v1::SearchRequest& request);

int export_events(const EventsOptions& options);
void add_token_commands(CLI::App& program, EventsOptions& options, int& exit_code);

}  // namespace sluice::ctl
