// Measures the event store: durable ingest (wire batches decoded and committed, as behind gRPC), bytes per event, and
// searches. Prints one line per result. CPU is that of the whole process without making the batches.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "events/ingest/decode.h"
#include "events/store/filter.h"
#include "events/store/sqlite_store.h"
#include "proxy/base/time.h"
#include "tests/support/event_source.h"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// At most `most` batches are with the store.
class Window {
 public:
  explicit Window(int most) : most_(most) {}
  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return inside_ < most_; });
    ++inside_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --inside_;
    changed_.notify_all();
  }
  void empty() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  const int most_;
  int inside_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Options {
  std::string directory = "/tmp/sluice-ingest-bench";
  uint64_t events = 500'000;
  uint64_t batch = 1'000;
  uint64_t hours = 20;  // event time that the run covers
  bool search_only = false;
};

// So that there is something to alert of: one of twenty rules refuses the flow, or lets it through with a notice.
void block(events::v1::PageEvent& event, uint64_t number) {
  event.set_bypass_traffic(false);
  event.clear_bypass_reason_code();
  event.set_action(number % 3 == 0 ? events::v1::VERDICT_ALERT : events::v1::VERDICT_BLOCK);
  event.set_policy("rule " + std::to_string(number % 20));
  event.set_policy_kind(events::v1::POLICY_KIND_REALTIME);
}

void measure_ingest(store::EventStore& store, const Options& options) {
  constexpr uint64_t producer_id = 0xbe7c4;
  constexpr uint64_t seed = 42;
  constexpr uint64_t made_at_once = 100;  // batches, outside of the measured time
  support::EventSource source(producer_id, seed);
  const int64_t now = base::epoch_ms(base::wall_now());
  const int64_t span = static_cast<int64_t>(options.hours) * 3'600'000;
  ingest::Producer producer{producer_id, "loopback", "bench", "default"};
  Window window(16);
  double wall = 0;
  double cpu = 0;
  uint64_t done = 0;
  uint64_t wire_bytes = 0;
  uint64_t raw_bytes = 0;
  while (done < options.events) {
    std::vector<events::v1::PublishRequest> requests;
    for (uint64_t b = 0; b < made_at_once && done < options.events; ++b) {
      std::vector<events::v1::Record> records;
      const uint64_t first = done + 1;
      for (uint64_t i = 0; i < options.batch; ++i, ++done) {
        const double share = static_cast<double>(done) / static_cast<double>(options.events);
        records.push_back(source.next(now - span + static_cast<int64_t>(share * static_cast<double>(span))));
        if (done % 12 == 0) block(*records.back().mutable_page_event(), done);
        raw_bytes += records.back().ByteSizeLong();
      }
      requests.push_back(support::wire_batch(first, records, true));
      wire_bytes += requests.back().batch().payload().size();
    }
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    for (auto& request : requests) {
      auto decoded = ingest::decode_batch(*request.mutable_batch(), producer);
      if (!decoded.ok()) std::abort();
      window.enter();
      store.append(std::move(decoded).value(), [&](const store::AppendResult& result) {
        if (result.code != store::AppendResult::Code::kCommitted) std::abort();
        window.leave();
      });
    }
    window.empty();
    wall += since(start);
    cpu += cpu_seconds() - cpu_start;
  }
  const double n = static_cast<double>(done);
  std::printf("ingest: %llu events, %.0f events/s wall, %.0f events per CPU second, %.1f us CPU per event\n",
              static_cast<unsigned long long>(done), n / wall, n / cpu, cpu * 1e6 / n);
  const auto stats = store.stats();
  std::printf("bytes per event: record %.0f, wire %.0f, stored %.0f\n", static_cast<double>(raw_bytes) / n,
              static_cast<double>(wire_bytes) / n,
              static_cast<double>(stats->disk_bytes()) / static_cast<double>(stats->final_events()));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("memory: at most %ld MB, batches that were made in advance included\n", usage.ru_maxrss >> 10);
}

void time_search(store::EventStore& store, const char* name, const store::Filter* filter) {
  store::SearchQuery query;
  query.filter = filter;
  std::vector<double> times;
  size_t found = 0;
  bool partial = false;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    const auto page = store.search(query);
    if (!page.ok()) std::abort();
    times.push_back(since(start) * 1e3);
    found = page->records.size();
    partial = page->partial;
  }
  const double first = times.front();
  std::sort(times.begin(), times.end());
  std::printf("search %-44s %7.1f ms first, %7.1f ms median, %zu records%s\n", name, first, times[2], found,
              partial ? ", partial" : "");
}

void measure_searches(store::EventStore& store) {
  using store::compare;
  using store::field;
  using store::Operator;
  const auto text = [](const char* name, Operator op, const char* value) {
    return compare(field(name), op, {std::string(value)});
  };
  time_search(store, "everything", nullptr);
  const auto user = text("user", Operator::kEqual, "user77@corp.example");
  time_search(store, "user = (common)", &user);
  const auto rare = text("user", Operator::kEqual, "user9987@corp.example");
  time_search(store, "user = (rare)", &rare);
  const auto host = text("host", Operator::kEqual, "www1.site-10000.example");
  time_search(store, "host = (rare)", &host);
  const auto app = store::all_of(
      {text("app", Operator::kEqual, "App 399"), compare(field("bypass_traffic"), Operator::kEqual, {int64_t{1}})});
  time_search(store, "app = and bypass_traffic =", &app);
  const auto bypass = compare(field("bypass_traffic"), Operator::kEqual, {int64_t{1}});
  time_search(store, "bypass_traffic = yes", &bypass);
  const auto like = text("host", Operator::kLike, "site-1999");
  time_search(store, "host like (scan)", &like);
  const auto none = text("process_name", Operator::kEqual, "nobody.exe");
  time_search(store, "process_name = (scan, no match)", &none);
  const auto decoded = text("ja4", Operator::kLike, "zzz");
  time_search(store, "ja4 like (decode all, no match)", &decoded);
}
}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"ingest_bench: measures the embedded event store"};
  Options options;
  app.add_option("--directory", options.directory, "store directory, emptied first");
  app.add_option("--events", options.events, "events to ingest");
  app.add_option("--batch", options.batch, "events per batch");
  app.add_option("--hours", options.hours, "event time that the run covers");
  app.add_flag("--search-only", options.search_only, "keep the store, only search");
  CLI11_PARSE(app, argc, argv);
  if (!options.search_only) std::filesystem::remove_all(options.directory);
  auto store = store::SqliteStore::open({options.directory, {}, {}, {}});
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 1;
  }
  if (!options.search_only) measure_ingest(**store, options);
  measure_searches(**store);
  return 0;
}
