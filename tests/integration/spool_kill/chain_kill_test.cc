// kill -9 of producers and of the real sluice-events at random moments, over and over, with torn tails and everything
// that the shipper sends again: in the end every event has exactly one final in the store.
// SLUICE_KILL_EVENTS sets how many events (default 20,000; the long form: 1,000,000), SLUICE_KILL_SEED replays.
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>

#include "events/store/sqlite_store.h"
#include "proxy/base/text.h"
#include "proxy/base/time.h"
#include "tests/integration/spool_kill/kill_child.h"
#include "tests/support/events_program.h"
#include "tests/support/temporary_folder.h"

namespace sluice {

namespace {

using Clock = std::chrono::steady_clock;
using support::KillChild;
using support::Said;
using State = store::v1::State;

constexpr size_t producers = 2;

// Every final event of the store; requires that none is there twice.
std::unordered_map<std::string, State> finals_of(const std::string& directory) {
  auto opened = store::SqliteStore::open({directory, [] { return base::epoch_ms(base::wall_now()); }, {}, {}});
  REQUIRE(opened.ok());
  CHECK((*opened)->stats()->open_events() == 0);
  CHECK((*opened)->counters().dead_letters == 0);
  std::unordered_map<std::string, State> finals;
  for (uint64_t offset = 0;;) {
    const auto page = (*opened)->read(offset, 10'000);
    REQUIRE(page.ok());
    for (const auto& stored : page->records) {
      REQUIRE(stored.record().has_page_event());
      const auto& event = stored.record().page_event();
      if (!finals.emplace(event.event_id(), event.state()).second) FAIL("doubled: " << event.event_id());
    }
    if (page->caught_up) return finals;
    offset = page->next_offset;
  }
}

void compare(const Said& said, const std::unordered_map<std::string, State>& finals) {
  size_t truncated = 0;
  for (const auto& [id, state] : finals) truncated += state == store::v1::STATE_TRUNCATED ? 1 : 0;
  for (const std::string& id : said.opened) {
    if (!finals.contains(id)) FAIL("lost: " << id);
  }
  for (const std::string& id : said.closed) {
    if (finals.at(id) != store::v1::STATE_CLOSED) FAIL("closed, and then declared truncated: " << id);
  }
  std::printf("%zu events in the store, %zu reported open, %zu reported closed, %zu truncated: 0 lost, 0 doubled\n",
              finals.size(), said.opened.size(), said.closed.size(), truncated);
  CHECK(truncated > 0);
}

}  // namespace

TEST_CASE("kill -9 of producers and store loses nothing and doubles nothing") {
  const uint64_t wanted = support::setting("SLUICE_KILL_EVENTS", 20'000);
  const uint64_t seed = support::setting("SLUICE_KILL_SEED", base::random_u64() % 1'000'000);
  std::printf("SLUICE_KILL_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const uint64_t burst = std::max<uint64_t>(8, wanted / 10'000);
  const TemporaryFolder folder;
  support::EventsProgram events(folder.path());
  events.start();
  Said said;
  int producer_kills = 0, store_kills = 0;
  const auto begun = Clock::now();
  while (said.opened.size() < wanted) {
    std::array<std::unique_ptr<KillChild>, producers> children;
    for (size_t i = 0; i < producers; ++i) {
      const std::string spool = folder.path("spool-" + std::to_string(i));
      children[i] = std::make_unique<KillChild>(SPOOL_KILL_CHILD, spool, events.address(), random(), "produce", burst);
    }
    const auto life = std::chrono::milliseconds(50 + random() % 1500);
    const auto end = Clock::now() + life;
    const bool store_dies = random() % 2 == 0;
    if (store_dies) {
      for (auto& child : children) child->listen_until(Clock::now() + life / (producers * (1 + random() % 4)));
      events.kill();
      ++store_kills;
      if (random() % 2 == 0) events.start();
    }
    while (Clock::now() < end) {
      for (auto& child : children) child->listen_until(std::min(end, Clock::now() + std::chrono::milliseconds(20)));
    }
    for (size_t i = 0; i < producers; ++i) {
      children[i]->kill_and_wait();
      ++producer_kills;
      said.take(children[i]->said());
      support::tear(folder.path("spool-" + std::to_string(i)), random);
    }
    if (!events.running()) events.start();
  }
  for (size_t i = 0; i < producers; ++i) {
    KillChild last(SPOOL_KILL_CHILD, folder.path("spool-" + std::to_string(i)), events.address(), 0, "drain", burst);
    REQUIRE(last.wait() == 0);
  }
  events.kill(SIGTERM);
  CHECK(events.clean());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun).count();
  std::printf("%d kills of producers, %d kills of the store in %lld s\n", producer_kills, store_kills,
              static_cast<long long>(seconds));
  compare(said, finals_of(folder.path("store")));
}

}  // namespace sluice
