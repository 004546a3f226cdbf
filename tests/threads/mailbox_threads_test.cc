// Threads of other workers and of the pool speak to a loop while it works.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "proxy/net/loop.h"

namespace sluice::net {

TEST_CASE("many threads post to a loop, the pool answers it, and nothing is lost or out of order") {
  constexpr int threads = 4;
  constexpr int posts = 5'000;
  Loop loop;
  std::vector<int> last(threads, -1);
  int finished = 0, worked = 0;
  std::atomic<int> in_pool{0};
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i) {
        loop.post([&, t, i] {
          REQUIRE(last[static_cast<size_t>(t)] == i - 1);
          last[static_cast<size_t>(t)] = i;
          if (i % 500 != 0) return;
          loop.offload([&] { in_pool.fetch_add(1, std::memory_order_relaxed); },
                       [&] {
                         ++worked;
                         if (finished == threads && worked == threads * posts / 500) loop.stop();
                       });
        });
      }
      loop.post([&] {
        ++finished;
        if (finished == threads && worked == threads * posts / 500) loop.stop();
      });
    });
  }
  loop.run();
  for (std::thread& poster : posters) poster.join();
  CHECK(worked == in_pool.load());
  for (const int seen : last) CHECK(seen == posts - 1);
}

}  // namespace sluice::net
