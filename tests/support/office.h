#pragma once
// A working day of one company, as its PoPs would record it: people with their devices in three cities, the
// applications that they use, some of which pin their certificates, and rules that watch and block a few. For pictures
// and for looking at the console; tests that count take EventSource.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "sluice/events/v1/page_event.pb.h"

namespace sluice::support {

namespace v1 = ::sluice::events::v1;

struct City;
struct Person;
struct App;

// Deterministic for a seed and a city. Not thread-safe.
class Office {
 public:
  // `city` is tokyo, berlin or boston.
  Office(std::string_view city, uint64_t producer_id, uint64_t seed);

  // A time within the day before `now_ms`, more often while people work there.
  int64_t pick_time(int64_t now_ms);
  // A closed event that began at `timestamp`.
  v1::Record next(int64_t timestamp);
  // The same flow as its client saw it; a record that is not set unless the client tunnelled it past inspection.
  v1::Record client_view(const v1::Record& record);

 private:
  void fill_person(v1::PageEvent& event, const Person& person, const App& app);
  void fill_place(v1::PageEvent& event, const App& app);
  void fill_verdict(v1::PageEvent& event, const App& app);
  void fill_page(v1::PageEvent& event);
  void fill_bytes(v1::PageEvent& event, const App& app);
  std::string next_id();
  uint64_t below(uint64_t end) { return random_() % end; }

  const City& city_;
  const uint64_t producer_id_;
  std::mt19937_64 random_;
  uint64_t counter_ = 0;
};

}  // namespace sluice::support
