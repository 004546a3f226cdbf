// Readers walk the days of a commit while the writer publishes the next ones.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "events/store/store_view.h"

namespace sluice::store {

TEST_CASE("the days a reader walks stay as they were while the writer publishes others") {
  constexpr int commits = 20'000;
  StoreView view;
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};  // Catch's macros are for one thread
  const auto commit = [&](int64_t number) {
    std::vector<DayInfo> days(3);
    for (DayInfo& day : days) day.rows = static_cast<uint64_t>(number);
    view.set_days(Days(std::move(days)));
  };
  commit(0);
  const auto walk = [&] {
    while (!done.load()) {
      uint64_t first = 0;
      int seen = 0;
      for (const DayInfo& day : view.days()) {
        if (seen++ == 0) first = day.rows;
        std::this_thread::yield();
        if (day.rows != first) ++torn;
      }
      if (seen != 3) ++torn;
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(walk);
  for (int number = 1; number <= commits; ++number) commit(number);
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(torn == 0);
}

}  // namespace sluice::store
