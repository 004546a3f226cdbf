// A store's writer publishes while viewers come, read, are slow, and go.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "events/store/fan_out.h"

namespace sluice::store {

TEST_CASE("every record reaches every viewer or is counted as skipped, whoever comes and goes") {
  constexpr uint64_t records = 20'000;
  FanOut fan_out;
  std::atomic<bool> all_there{false};
  std::atomic<int> ready{0};
  std::atomic<int> reordered{0};  // Catch's macros are for one thread
  std::atomic<int> short_views{0};
  const auto view = [&](uint32_t room, bool stays) {
    do {
      std::atomic<int> woken{0};
      auto subscription = fan_out.subscribe(room, [&] { woken.fetch_add(1, std::memory_order_relaxed); });
      ready.fetch_add(stays ? 1 : 0);
      uint64_t next = subscription->start_offset() + 1;
      for (int polls = 0; stays || polls < 20; ++polls) {
        const Subscription::Update update = subscription->poll();
        for (const SharedRecord& record : update.records()) {
          if (record->offset() < next) ++reordered;  // what is missing was skipped
          next = record->offset() + 1;
        }
        if (update.ended) {
          if (stays && update.next_offset != records) ++short_views;
          return;
        }
        std::this_thread::yield();
      }
    } while (!all_there.load());
  };
  std::vector<std::thread> viewers;
  viewers.emplace_back(view, 1'000'000, true);
  viewers.emplace_back(view, 10, true);
  viewers.emplace_back(view, 100, false);
  viewers.emplace_back(view, 1, false);
  while (ready.load() < 2) std::this_thread::yield();
  for (uint64_t offset = 1; offset <= records; ++offset) {
    fan_out.publish(
        [&] {
          auto record = std::make_shared<v1::StoredRecord>();
          record->set_offset(offset);
          return std::vector<SharedRecord>{record};
        },
        offset);
  }
  all_there = true;
  fan_out.end();
  for (std::thread& viewer : viewers) viewer.join();
  CHECK(reordered == 0);
  CHECK(short_views == 0);
}

}  // namespace sluice::store
