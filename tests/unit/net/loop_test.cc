#include "proxy/net/loop.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace sluice::net {

namespace {
class Again : public Ready {
 public:
  Again(Loop& loop, int times) : loop_(loop), left_(times) {}
  void on_ready() override {
    ++ran;
    if (--left_ > 0) {
      loop_.soon(*this);
    } else {
      loop_.stop();
    }
  }
  int ran = 0;

 private:
  Loop& loop_;
  int left_;
};
}  // namespace

TEST_CASE("work posted from other threads runs on the loop in order") {
  Loop loop;
  std::vector<int> seen;
  std::thread poster([&] {
    for (int i = 0; i < 1'000; ++i) loop.post([&, i] { seen.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  REQUIRE(seen.size() == 1'000);
  for (int i = 0; i < 1'000; ++i) CHECK(seen[static_cast<size_t>(i)] == i);
}

TEST_CASE("offloaded work runs elsewhere and its end here") {
  Loop loop;
  const auto here = std::this_thread::get_id();
  std::thread::id worked, ended;
  loop.offload([&] { worked = std::this_thread::get_id(); },
               [&] {
                 ended = std::this_thread::get_id();
                 loop.stop();
               });
  loop.run();
  CHECK(worked != here);
  CHECK(ended == here);
}

TEST_CASE("ready work that asks for another turn gets it, and hooks run every turn") {
  Loop loop;
  int turns = 0;
  loop.at_turn_end([&] { ++turns; });
  Again again(loop, 5);
  loop.soon(again);
  loop.soon(again);
  loop.run();
  CHECK(again.ran == 5);
  CHECK(turns >= 5);
}

}  // namespace sluice::net
