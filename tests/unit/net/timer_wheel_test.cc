#include "proxy/net/timer_wheel.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <random>

namespace sluice::net {

namespace {

using base::Duration;
using base::Time;

class Probe : public Timer {
 public:
  explicit Probe(std::function<void()> fire) : fire_(std::move(fire)) {}
  void on_timer() override { fire_(); }

 private:
  std::function<void()> fire_;
};

}  // namespace

TEST_CASE("a timer fires once, not early, at most a tick late") {
  const Time start{Duration(123'457)};
  for (const int64_t ms : {0, 1, 15, 16, 17, 50, 250, 5'000, 32'767, 32'768, 100'000, 300'000}) {
    TimerWheel wheel(start);
    int fired = 0;
    Probe probe([&] { ++fired; });
    wheel.arm(probe, start + Duration(ms));
    Time now = start;
    while (fired == 0) {
      const auto next = wheel.next();
      REQUIRE(next);
      REQUIRE(*next > now - wheel_tick);
      now = *next;
      wheel.advance(now);
      REQUIRE(now < start + Duration(ms) + 3 * wheel_tick);
    }
    CHECK(now >= start + Duration(ms));
    CHECK_FALSE(wheel.next());
    wheel.advance(now + Duration(100'000));
    CHECK(fired == 1);
  }
}

TEST_CASE("timers move later for nothing, move earlier, are disarmed and destroyed") {
  const Time start{Duration(1'000)};
  TimerWheel wheel(start);
  int fired = 0;
  Probe probe([&] { ++fired; });
  wheel.arm(probe, start + Duration(100));
  wheel.arm(probe, start + Duration(200));
  wheel.advance(start + Duration(150));
  CHECK(fired == 0);
  wheel.advance(start + Duration(220));
  CHECK(fired == 1);

  wheel.arm(probe, start + Duration(10'000));
  wheel.arm(probe, start + Duration(300));
  wheel.advance(start + Duration(320));
  CHECK(fired == 2);

  wheel.arm(probe, start + Duration(400));
  wheel.disarm(probe);
  wheel.advance(start + Duration(500));
  CHECK(fired == 2);

  {
    Probe gone([&] { ++fired; });
    wheel.arm(gone, start + Duration(600));
  }
  wheel.advance(start + Duration(700));
  CHECK(fired == 2);
  CHECK_FALSE(wheel.next());
}

TEST_CASE("random timers against a plain map") {
  const auto seed = std::random_device{}();
  std::printf("timer wheel seed %u\n", seed);
  std::mt19937 random(seed);
  const auto pick = [&](int64_t max) { return std::uniform_int_distribution<int64_t>(0, max)(random); };
  Time now{Duration(pick(1'000'000))};
  TimerWheel wheel(now);
  std::map<size_t, Time> due;  // of armed timers
  std::vector<std::unique_ptr<Probe>> probes;
  for (size_t i = 0; i < 50; ++i) {
    probes.push_back(std::make_unique<Probe>([&, i] {
      REQUIRE(due.contains(i));
      CHECK(due[i] <= now);
      due.erase(i);
      if (pick(3) == 0) {  // arms itself and another one from inside
        const size_t other = static_cast<size_t>(pick(49));
        due[other] = now + Duration(pick(70'000));
        wheel.arm(*probes[other], due[other]);
      }
    }));
  }
  for (int step = 0; step < 5'000; ++step) {
    const auto i = static_cast<size_t>(pick(49));
    if (pick(4) == 0) {
      wheel.disarm(*probes[i]);
      due.erase(i);
    } else {
      due[i] = now + Duration(pick(70'000));
      wheel.arm(*probes[i], due[i]);
    }
    now += Duration(pick(200));
    wheel.advance(now);
    for (const auto& [index, time] : due) CHECK(time > now - wheel_tick);
  }
}

}  // namespace sluice::net
