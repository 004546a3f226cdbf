// Workers write, one thread syncs, one ships and commits, and one asks how things are.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/unit/report/spool_fixture.h"

namespace sluice::report {

namespace {

// Reads and commits everything of every spool until the writers are done, as the shipper does.
uint64_t ship(SpoolRoot& root, const std::atomic<int>& writing) {
  struct Shipped {
    explicit Shipped(Spool& of) : spool(of), reader(of, "pop-test") {}
    Spool& spool;
    SpoolReader reader;
  };
  std::vector<std::unique_ptr<Shipped>> all;
  uint64_t records = 0;
  for (;;) {
    const bool last_round = writing.load() == 0;
    if (last_round) root.sync_now();
    for (Spool* spool : root.spools()) {
      const auto known = std::find_if(all.begin(), all.end(), [&](const auto& s) { return &s->spool == spool; });
      if (known != all.end()) continue;
      all.push_back(std::make_unique<Shipped>(*spool));
      all.back()->reader.seek(1);
    }
    SpoolBatch batch;
    for (const auto& one : all) {
      while (one->reader.read(200, batch_bytes_target, batch)) {
        records += batch.count;
        one->spool.commit(batch.last_seq());
      }
    }
    if (last_round) return records;
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("workers, the sync thread, a shipper and an observer share spools") {
  constexpr int workers = 2;
  constexpr int events = 3'000;
  const TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path("spool"));
  options.segment_bytes = 64 * 1024;
  options.sync_interval = std::chrono::milliseconds(1);
  const auto root = open_root(options);
  std::vector<std::unique_ptr<Producer>> producers;
  for (int i = 0; i < workers; ++i) producers.push_back(std::make_unique<Producer>(*root));
  std::atomic<int> writing{workers};
  std::atomic<uint64_t> written{0};
  std::vector<std::thread> threads;
  for (auto& producer : producers) {
    threads.emplace_back([&, own = producer.get()] {
      for (int i = 0; i < events; ++i) {
        own->close(own->open());
        if (i % 10 == 0 && own->writer().flush() != FlushStatus::kDone) std::abort();
      }
      if (own->writer().flush() != FlushStatus::kDone) std::abort();
      written.fetch_add(own->writer().last_sequence());
      own->end();
      writing.fetch_sub(1);
    });
  }
  uint64_t shipped = 0;
  threads.emplace_back([&] { shipped = ship(*root, writing); });
  threads.emplace_back([&] {
    while (writing.load() != 0) {
      (void)root->budget().used();
      (void)root->dropped_records();
      for (const Spool* spool : root->spools()) (void)spool->all_committed();
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(shipped == written.load());
  for (Spool* spool : root->spools()) CHECK(spool->drained());
}

}  // namespace sluice::report
