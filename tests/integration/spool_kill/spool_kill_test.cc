// kill -9 of a producer at random points, over and over, with torn tails and a store that cuts streams and loses
// acknowledgements: in the end every event whose open record was written has exactly one final record in the store.
// SLUICE_KILL_SECONDS makes it longer, SLUICE_KILL_SEED replays.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/report/event_builder.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/report/fake_store.h"

extern char** environ;

namespace sluice::report {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// A running child and what it says.
class Child {
 public:
  Child(const std::string& directory, const std::string& store, uint64_t seed, const std::string& mode) {
    int ends[2] = {};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::vector<std::string> words = {SPOOL_KILL_CHILD, directory, store, std::to_string(seed), mode};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    REQUIRE(::posix_spawn(&pid_, SPOOL_KILL_CHILD, &actions, nullptr, arguments.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) kill_and_wait();
    ::close(out_);
  }

  // Reads what it says until `deadline` or its end.
  void listen_until(Clock::time_point deadline) {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd entry{.fd = out_, .events = POLLIN, .revents = 0};
      if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) <= 0) return;
      if (!read_some()) return;
    }
  }
  void kill_and_wait() {
    ::kill(pid_, SIGKILL);
    wait();
    while (read_some()) {
    }
  }
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  const std::string& said() const { return said_; }

 private:
  bool read_some() {
    char bytes[4096];
    const ssize_t count = ::read(out_, bytes, sizeof bytes);
    if (count > 0) said_.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }

  pid_t pid_ = -1;
  int out_ = -1;
  std::string said_;
};

// Up to 200 random bytes behind the newest segment of each spool: what a torn write leaves.
void tear(const std::string& directory, std::mt19937_64& random) {
  for (const auto& spool : fs::directory_iterator(directory)) {
    if (!spool.is_directory() || random() % 3 != 0) continue;
    std::set<fs::path> segments;
    for (const auto& file : fs::directory_iterator(spool.path())) {
      if (file.path().extension() == ".seg") segments.insert(file.path());
    }
    if (segments.empty()) continue;
    std::ofstream out(*segments.rbegin(), std::ios::binary | std::ios::app);
    for (uint64_t i = random() % 200; i > 0; --i) out.put(static_cast<char>(random()));
  }
}

struct Said {
  std::set<std::string> opened;
  std::set<std::string> closed;
  // The last line may be cut off by the kill.
  void take(const std::string& text) {
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string verb, id; lines >> verb >> id;) (verb == "open" ? opened : closed).insert(id);
  }
};

void require_each_final_once(const FakeStore& store, const Said& said) {
  std::map<std::string, std::vector<events::v1::State>> finals;
  std::set<std::string> seen;
  for (const auto& [producer, log] : store.stored()) {
    for (const StoredEntry& entry : log) {
      if (entry.kind == EntryKind::kOther || entry.kind == EntryKind::kEmpty) continue;
      events::v1::Record record;
      REQUIRE(record.ParseFromString(entry.record));
      const auto& event = record.page_event();
      REQUIRE(event.event_id() == event_id(producer, entry.counter));
      seen.insert(event.event_id());
      if (entry.kind == EntryKind::kFinal) finals[event.event_id()].push_back(event.state());
      if (entry.kind == EntryKind::kOpen) REQUIRE(finals[event.event_id()].empty());
    }
  }
  uint64_t truncated = 0;
  for (const std::string& id : seen) {
    INFO(id);
    REQUIRE(finals[id].size() == 1);
    truncated += finals[id].front() == events::v1::STATE_TRUNCATED ? 1 : 0;
  }
  for (const std::string& id : said.opened) REQUIRE(seen.contains(id));
  for (const std::string& id : said.closed) REQUIRE(finals[id].front() == events::v1::STATE_CLOSED);
  std::printf("%zu events, %zu reported open, %zu reported closed, %llu truncated\n", seen.size(), said.opened.size(),
              said.closed.size(), static_cast<unsigned long long>(truncated));
  CHECK(truncated > 0);
}

}  // namespace

TEST_CASE("kill -9 of the producer at any point loses and doubles no event") {
  const uint64_t seed = setting("SLUICE_KILL_SEED", base::random_u64() % 1'000'000);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  TemporaryFolder folder;
  FakeStore store;
  std::mt19937_64 store_random(seed + 1);
  store.on_batch([&store_random](const auto&, const auto&) -> FakeStore::Answer {
    switch (store_random() % 20) {
      case 0: return {.commit = false, .ack = false, .cut = true};
      case 1: return {.commit = true, .ack = false, .cut = true};
      case 2: return {.commit = true, .ack = false};
      default: return {};
    }
  });
  store.start();
  Said said;
  int kills = 0;
  const auto end = Clock::now() + std::chrono::seconds(setting("SLUICE_KILL_SECONDS", 10));
  for (; Clock::now() < end; ++kills) {
    Child child(folder.path(), store.address(), random(), "produce");
    child.listen_until(Clock::now() + std::chrono::milliseconds(20 + random() % 400));
    child.kill_and_wait();
    said.take(child.said());
    tear(folder.path(), random);
    if (random() % 5 == 0) {
      store.stop();
      store.start();
    }
  }
  store.on_batch(nullptr);
  Child last(folder.path(), store.address(), 0, "drain");
  REQUIRE(last.wait() == 0);
  std::printf("%d kills\n", kills);
  require_each_final_once(store, said);
  for (const auto& left : fs::directory_iterator(folder.path())) {
    INFO(left.path());
    CHECK_FALSE(left.is_directory());
  }
}

}  // namespace sluice::report
