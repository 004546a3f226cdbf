// Many flows, virtual time, seeded faults, on the real flow machine, spool, adoption, decoder and commit rule. Whatever
// happens, in the end every flow whose record the kernel had has exactly one final event in the store, with its bytes.
//   SLUICE_SIM_SEEDS=N   so many seeds, however long it takes (default: as many as go into `budget`)
//   SLUICE_SIM_SEED=N    this one only
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "events/store/sqlite_store.h"
#include "tests/sim/sim_pop.h"
#include "tests/sim/sim_wire.h"
#include "tests/support/temporary_folder.h"

namespace sluice::sim {

namespace {

constexpr uint64_t seeds_default = 3'000;
constexpr std::chrono::seconds budget{30};

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Sums {
  uint64_t seeds = 0, events = 0, truncated = 0, kills = 0, power_losses = 0, store_deaths = 0, gaps = 0;
};

// One seed's world: processes of a PoP that follow each other, and a store.
class World {
 public:
  World(uint64_t seed, const std::string& directory)
      : random_(seed), directory_(directory), store_(clock_, random_, directory_ / "store") {
    start(directory_ / "spool-0");
  }

  void run(Sums& sums) {
    for (uint64_t left = random_.between(50, 600); left > 0; --left) {
      clock_.after(base::Duration(random_.percent(95) ? random_.below(50) : random_.below(70'000)),
                   [this] { happen(); });
      clock_.step();
    }
    pop_->stop();
    wire_->drain();
    // Spools whose events were still open when their writer went are left for a next start.
    wire_.reset();
    const std::filesystem::path last = pop_->directory();
    pop_.reset();
    start(last);
    pop_->stop();
    wire_->drain();
    store_.close();
    check(sums);
  }

 private:
  void start(const std::filesystem::path& directory) {
    pop_ = std::make_unique<SimPop>(clock_, random_, ledger_, directory);
    wire_ = std::make_unique<SimWire>(random_, pop_->root(), store_);
  }

  void happen() {
    const uint64_t what = random_.below(1000);
    if (what < 800) {
      pop_->live();
    } else if (what < 870) {
      pop_->sync();
    } else if (what < 990) {
      wire_->live();
    } else if (what < 995) {
      die(random_.percent(30));
    } else {
      clock_.set_wall_back(base::Duration(static_cast<int64_t>(random_.below(7'200'000)) - 3'600'000));
    }
  }

  void die(bool power) {
    ++(power ? power_losses_ : kills_);
    const std::filesystem::path next = directory_ / ("spool-" + std::to_string(kills_ + power_losses_));
    const std::filesystem::path old = pop_->directory();
    pop_->die(next, power);
    wire_.reset();
    pop_.reset();  // what its destructors still write goes to files that nobody reads again
    std::filesystem::remove_all(old);
    start(next);
  }

  void check(Sums& sums) {
    auto opened =
        store::SqliteStore::open({store_.directory(), [this] { return base::epoch_ms(clock_.wall()); }, {}, {}});
    require(opened.ok(), "the store does not open for reading");
    std::map<std::string, events::v1::PageEvent> finals;
    uint64_t offset = 0;
    for (bool more = true; more;) {
      const auto page = (*opened)->read(offset, 1000);
      require(page.ok(), "the store does not read");
      for (const auto& stored : page->records) {
        if (stored.record().has_gap()) ++sums.gaps;
        require(stored.record().has_page_event() || (stored.record().has_gap() && power_losses_ > 0),
                "a record that nobody wrote, or a gap without a loss of power");
        if (!stored.record().has_page_event()) continue;
        const auto& event = stored.record().page_event();
        require(finals.emplace(event.event_id(), event).second, "two finals of " + event.event_id());
      }
      offset = page->next_offset;
      more = !page->caught_up;
    }
    const auto stats = (*opened)->stats();
    require(stats.ok() && (power_losses_ > 0 || stats->open_events() == 0), "events stay open for ever");
    for (const auto& [id, event] : finals) require(ledger_.contains(id), "an event that never was: " + id);
    for (const auto& [id, expected] : ledger_) compare(id, expected, finals, sums);
    ++sums.seeds;
    sums.kills += kills_;
    sums.power_losses += power_losses_;
    sums.store_deaths += store_.deaths();
    sums.events += finals.size();
  }

  static void compare(const std::string& id, const Expected& expected,
                      const std::map<std::string, events::v1::PageEvent>& finals, Sums& sums) {
    const auto found = finals.find(id);
    if (found == finals.end()) {
      require(expected.doubtful && !expected.synced, "lost: " + id);
      return;
    }
    const events::v1::PageEvent& event = found->second;
    const bool truncated = event.state() == events::v1::STATE_TRUNCATED;
    sums.truncated += truncated ? 1 : 0;
    if (expected.final_in_kernel && !expected.doubtful) {
      require(!truncated, "declared truncated although it was closed: " + id);
      require(event.client_bytes() == expected.client_bytes && event.server_bytes() == expected.server_bytes,
              "wrong bytes: " + id);
    } else if (!expected.doubtful) {
      require(truncated && !expected.alive, "closed by nobody: " + id);
    }
  }

  Clock clock_;
  Random random_;
  Ledger ledger_;
  const std::filesystem::path directory_;
  SimStore store_;
  std::unique_ptr<SimPop> pop_;
  std::unique_ptr<SimWire> wire_;
  uint64_t kills_ = 0, power_losses_ = 0;
};

}  // namespace

TEST_CASE("nothing is lost, nothing is doubled, whatever the seed") {
  const uint64_t only = setting("SLUICE_SIM_SEED", 0);
  const uint64_t first = only != 0 ? only : 1;
  const uint64_t last = only != 0 ? only : setting("SLUICE_SIM_SEEDS", seeds_default);
  const bool all = only != 0 || std::getenv("SLUICE_SIM_SEEDS") != nullptr;
  // The store syncs often: memory answers at once, and what a loss of power takes is decided here, not by a disk.
  if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
  const auto begun = std::chrono::steady_clock::now();
  Sums sums;
  for (uint64_t seed = first; seed <= last; ++seed) {
    if (!all && std::chrono::steady_clock::now() > begun + budget) break;
    const TemporaryFolder folder;
    try {
      World(seed, folder.path()).run(sums);
    } catch (const Broken& broken) {
      FAIL("SLUICE_SIM_SEED=" << seed << ": " << broken.what);
    }
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  std::cout << sums.seeds << " seeds in " << ms.count() << " ms: " << sums.events << " events, " << sums.truncated
            << " truncated, " << sums.kills << " kills, " << sums.power_losses << " losses of power, "
            << sums.store_deaths << " deaths of the store, " << sums.gaps << " gaps\n";
  CHECK(sums.events > 0);
}

}  // namespace sluice::sim
