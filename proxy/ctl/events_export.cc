// sluicectl events export: every final event that matches, page by page, with progress for a person who waits and a
// token for whoever goes on.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "events/query/limits.h"
#include "proxy/base/time.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/events_options.h"
#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace v1 = events::v1;

namespace {

volatile std::sig_atomic_t interrupted = 0;

// One line on standard error that is written over; nothing if that is no terminal.
class Progress {
 public:
  Progress() : shown_(::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_ && written_) std::fputs("\r\x1b[K", stderr);
  }
  void tell(uint64_t count, int64_t reached) {
    if (!shown_) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    const auto rate = static_cast<uint64_t>(static_cast<double>(count) / (seconds > 0 ? seconds : 1));
    std::fprintf(stderr, "\r\x1b[K%s events, %s per second, back to %s", human_count(count).c_str(),
                 human_count(rate).c_str(), local_time(reached).c_str());
    written_ = true;
  }

 private:
  const bool shown_;
  bool written_ = false;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

int64_t start_of(const v1::Record& record) {
  return record.has_page_event() ? record.page_event().timestamp() : 0;
}

void tell_how_to_go_on(const v1::SearchRequest& request) {
  std::fprintf(stderr, "sluicectl: go on with the same query, view and format and --from %lld --to %lld --resume %s\n",
               static_cast<long long>(request.start_time()), static_cast<long long>(request.end_time()),
               request.page_token().c_str());
}
}  // namespace

int export_events(const EventsOptions& options) {
  const Format format = options.chosen_format();
  if (format == Format::kTable) return events_usage("an export needs --format json, ndjson, csv, cef, ecs or ocsf");
  if (format == Format::kJson && !options.resume.empty()) {
    return events_usage("a JSON array cannot go on where it ended; use --format ndjson");
  }
  v1::SearchRequest request;
  request.set_query(options.query());
  request.set_view(options.chosen_view());
  request.set_finals_only(true);
  request.set_page_size(query::page_size_max);
  request.set_page_token(options.resume);
  if (const std::string wrong = read_range(options, request); !wrong.empty()) return events_usage(wrong);
  if (request.start_time() == 0) request.set_start_time(1);  // so that the range can be given again as it is
  if (request.end_time() == 0) request.set_end_time(base::epoch_ms(base::wall_now()));
  auto client = EventsClient::open(options.server);
  if (!client.ok()) return events_usage(client.error().message);
  std::unique_ptr<std::FILE, Close> file;
  if (!options.output.empty()) {
    file.reset(std::fopen(options.output.c_str(), options.resume.empty() ? "we" : "ae"));
    if (!file) return events_usage("cannot write " + options.output + ": " + std::strerror(errno));
  }
  std::FILE* out = file ? file.get() : stdout;
  std::signal(SIGINT, [](int) { interrupted = 1; });
  auto progress = std::make_unique<Progress>();
  std::unique_ptr<EventsOutput> output;  // nothing is written before the first answer
  uint64_t count = 0;
  int64_t reached = 0;
  while (true) {
    const auto page = client->search(request);
    if (!page.ok()) {
      const int code = events_failed(page.error(), request.query());
      if (count > 0) tell_how_to_go_on(request);
      return code;
    }
    if (!output) output = std::make_unique<EventsOutput>(format, false, out, !options.resume.empty());
    for (const v1::StoredRecord& record : page->records()) {
      output->write(record);
      if (const int64_t start = start_of(record.record()); start > 0) reached = start;
    }
    output->flush();
    if (std::ferror(out) != 0) return events_failed({false, "cannot write the export", std::nullopt}, "");
    count += static_cast<uint64_t>(page->records_size());
    progress->tell(count, reached);
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
    if (interrupted != 0) {
      std::fputc('\n', stderr);
      tell_how_to_go_on(request);
      return exit_failed;
    }
  }
  output->finish(false);
  progress.reset();
  if (file) {
    std::fprintf(stderr, "sluicectl: %s events are in %s\n", human_count(count).c_str(), options.output.c_str());
  }
  return exit_done;
}

}  // namespace sluice::ctl
