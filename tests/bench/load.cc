// bench_load: a load generator for forward proxies, one thread. Opens connections to a proxy, asks for a tunnel, then
// for bodies of bench_origin, and prints one JSON line about what it saw. tests/bench/README.md describes the modes.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/bench/conversation.h"

namespace {

using namespace sluice::bench;

struct Options {
  std::string mode = "flow";
  std::string to;
  std::string tunnel;
  std::string server_name = "origin.test";
  std::string ca;
  uint64_t flows = 0;
  uint64_t parallel = 0;
  uint64_t body_bytes = 0;
  uint64_t requests = 1;
  double seconds_max = 120;
};

// What a mode means where the command line says nothing.
struct Mode {
  const char* name;
  uint64_t flows;
  uint64_t parallel;
  uint64_t body_bytes;
  bool hold;
};
constexpr std::array modes{
    Mode{"flow", 1000, 20, 1024, false},
    Mode{"stream", 4, 2, 256U << 20, false},
    Mode{"idle", 1000, 20, 1024, true},
};

// Zero stands for "not given": none of the three may be zero.
Work make_work(Options& options) {
  const auto mode = std::find_if(modes.begin(), modes.end(), [&](const Mode& m) { return m.name == options.mode; });
  if (options.flows == 0) options.flows = mode->flows;
  if (options.parallel == 0) options.parallel = mode->parallel;
  if (options.body_bytes == 0) options.body_bytes = mode->body_bytes;
  Work work;
  work.to = loopback(options.to);
  work.tunnel = options.tunnel;
  if (!options.ca.empty()) work.tls = client_context(options.ca);
  work.server_name = options.server_name;
  work.body_bytes = options.body_bytes;
  work.requests = options.requests;
  work.hold = mode->hold;
  return work;
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Runs `flows` conversations, at most `parallel` of them in work at a time, and keeps the account.
// Held connections are no longer in work; they stay until the generator goes.
class Generator {
 public:
  Generator(const Options& options, const Work& work) : options_(options), work_(work) {}

  void run() {
    begin_ = Clock::now();
    while (finished() < options_.flows && seconds(Clock::now() - begin_) < options_.seconds_max) {
      while (in_work_ < options_.parallel && started_ < options_.flows) start();
      for (const epoll_event& event : poller_.wait(wait_ms)) advance(*static_cast<Conversation*>(event.data.ptr));
    }
    end_ = Clock::now();
    failed_ += in_work_;
    if (in_work_ > 0) reasons_["not finished in time"] += in_work_;
  }

  // Keeps the held connections until standard input ends.
  void hold() {
    const Fd input(STDIN_FILENO);
    poller_.add(input, EPOLLIN, nullptr);
    while (true) {
      for (const epoll_event& event : poller_.wait(-1)) {
        if (event.data.ptr == nullptr) return;
        advance(*static_cast<Conversation*>(event.data.ptr));
      }
    }
  }

  void print() {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const double took = seconds(end_ - begin_);
    std::string reasons;
    for (const auto& [reason, count] : reasons_) {
      reasons += (reasons.empty() ? "\"" : ", \"") + reason + "\": " + std::to_string(count);
    }
    std::printf(
        "{\"mode\": \"%s\", \"flows\": %zu, \"failed\": %llu, \"requests\": %llu, \"body_bytes\": %llu, "
        "\"seconds\": %.4f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"reasons\": {%s}}\n",
        options_.mode.c_str(), latencies_us_.size(), static_cast<unsigned long long>(failed_),
        static_cast<unsigned long long>(latencies_us_.size() * options_.requests),
        static_cast<unsigned long long>(latencies_us_.size() * options_.requests * options_.body_bytes), took,
        quantile(0.5), quantile(0.99), reasons.c_str());
    std::fflush(stdout);
  }

  bool all_fine() const { return failed_ == 0 && lost_ == 0; }
  uint64_t lost() const { return lost_; }

 private:
  static constexpr int wait_ms = 100;  // how late the time limit may be noticed

  uint64_t finished() const { return latencies_us_.size() + failed_; }

  void start() {
    ++started_;
    ++in_work_;
    auto conversation = std::make_unique<Conversation>(work_);
    Conversation& borrowed = *conversation;
    conversations_.emplace(&borrowed, std::move(conversation));
    if (borrowed.stage() == Stage::kFailed) {
      settle(borrowed, Stage::kDialling);
    } else {
      poller_.add(borrowed.socket(), Poller::kEdges, &borrowed);
    }
  }

  void advance(Conversation& conversation) {
    const Stage before = conversation.stage();
    conversation.advance();
    settle(conversation, before);
  }

  // Accounts for a conversation that has ended or begun to hold. Each socket has at most one event per wait, so a
  // conversation may go at once.
  void settle(Conversation& conversation, Stage before) {
    const Stage stage = conversation.stage();
    const bool held_before = before == Stage::kHolding;
    if (stage == Stage::kFailed) {
      ++(held_before ? lost_ : failed_);
      ++reasons_[conversation.reason()];
    } else if (stage == Stage::kDone || (stage == Stage::kHolding && !held_before)) {
      latencies_us_.push_back(seconds(Clock::now() - conversation.started()) * 1e6);
    } else {
      return;
    }
    if (!held_before) --in_work_;
    if (stage != Stage::kHolding) conversations_.erase(&conversation);
  }

  double quantile(double share) const {
    if (latencies_us_.empty()) return 0;
    const auto at = static_cast<size_t>(share * static_cast<double>(latencies_us_.size()));
    return latencies_us_[std::min(at, latencies_us_.size() - 1)];
  }

  const Options& options_;
  const Work& work_;
  Poller poller_;
  std::unordered_map<Conversation*, std::unique_ptr<Conversation>> conversations_;
  std::vector<double> latencies_us_;  // of what went well, from dial to close or hold
  std::map<std::string, uint64_t> reasons_;
  uint64_t started_ = 0;
  uint64_t in_work_ = 0;
  uint64_t failed_ = 0;
  uint64_t lost_ = 0;  // closed by the other side while they were held
  Clock::time_point begin_;
  Clock::time_point end_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"bench_load: drives a forward proxy on the loopback network and prints one JSON line"};
  app.footer(
      "Examples:\n"
      "  bench_load --to 127.0.0.1:3128 --tunnel origin.test:8443 --ca root.crt --flows 5000\n"
      "  bench_load --mode stream --to 127.0.0.1:3128 --tunnel origin.test:8080 --flows 4 --body-bytes 268435456\n"
      "  bench_load --mode idle --to 127.0.0.1:3128 --tunnel origin.test:8080 --flows 2000   holds until stdin ends");
  Options options;
  app.add_option("--mode", options.mode, "flow: short connections; stream: few with much; idle: opened and held")
      ->check(CLI::IsMember({"flow", "stream", "idle"}))
      ->capture_default_str();
  app.add_option("--to", options.to, "where to connect: proxy or relay")->required();
  app.add_option("--tunnel", options.tunnel, "authority to CONNECT to; without it requests start at once");
  app.add_option("--ca", options.ca, "speak TLS inside and verify with these certificates; without it in clear");
  app.add_option("--server-name", options.server_name, "SNI and name of the certificate")->capture_default_str();
  app.add_option("--flows", options.flows, "connections in all; 1000, stream: 4")->check(CLI::PositiveNumber);
  app.add_option("--parallel", options.parallel, "connections in work at a time; 20, stream: 2")
      ->check(CLI::PositiveNumber);
  app.add_option("--body-bytes", options.body_bytes, "size of each reply's body; 1 KiB, stream: 256 MiB")
      ->check(CLI::PositiveNumber);
  app.add_option("--requests", options.requests, "requests per connection")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds-max", options.seconds_max, "gives up then")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);

  const Work work = make_work(options);
  Generator generator(options, work);
  generator.run();
  generator.print();
  if (work.hold) generator.hold();
  if (const uint64_t lost = generator.lost()) {
    std::fprintf(stderr, "%llu held connections were closed by the other side\n",
                 static_cast<unsigned long long>(lost));
  }
  return generator.all_fine() ? 0 : 1;
}
