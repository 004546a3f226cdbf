// kill -9 of a producer at random points, over and over, with torn tails and a store that cuts streams and loses
// acknowledgements: in the end every event whose open record was written has exactly one final record in the store.
// SLUICE_KILL_SECONDS makes it longer, SLUICE_KILL_SEED replays.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/report/event_builder.h"
#include "tests/integration/spool_kill/kill_child.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/report/fake_store.h"

namespace sluice::report {

namespace {

using support::KillChild;
using support::Said;
using support::setting;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

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
    KillChild child(SPOOL_KILL_CHILD, folder.path(), store.address(), random(), "produce");
    child.listen_until(Clock::now() + std::chrono::milliseconds(20 + random() % 400));
    child.kill_and_wait();
    said.take(child.said());
    support::tear(folder.path(), random);
    if (random() % 5 == 0) {
      store.stop();
      store.start();
    }
  }
  store.on_batch(nullptr);
  KillChild last(SPOOL_KILL_CHILD, folder.path(), store.address(), 0, "drain");
  REQUIRE(last.wait() == 0);
  std::printf("%d kills\n", kills);
  require_each_final_once(store, said);
  for (const auto& left : fs::directory_iterator(folder.path())) {
    INFO(left.path());
    CHECK_FALSE(left.is_directory());
  }
}

}  // namespace sluice::report
