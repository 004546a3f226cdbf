// The bytes of roll-ups: the example of the format, round trips, damage.
#include "events/store/rollup_blob.h"

#include <catch2/catch.hpp>
#include <random>

#include "events/store/rolled_filter.h"

namespace sluice::store {
namespace {

std::vector<RollupEntry> decoded(std::string_view blob, bool& damaged) {
  std::vector<RollupEntry> entries;
  RollupDecoder decoder(blob);
  for (RollupEntry entry; decoder.next(entry);) entries.push_back(entry);
  damaged = decoder.damaged();
  return entries;
}

bool same(const RollupEntry& a, const RollupEntry& b) {
  return a.minute == b.minute && a.id == b.id && a.group == b.group && a.sums.count == b.sums.count &&
         a.sums.bytes == b.sums.bytes && a.sums.last == b.sums.last && a.sums.other_count == b.sums.other_count &&
         a.sums.other_bytes == b.sums.other_bytes && a.sums.other_last == b.sums.other_last;
}
}  // namespace

TEST_CASE("the example of the format") {
  const std::string blob = encode_rollup({{2, 7, 2, {3, 500, 150'000, 0, 0, 0}}});
  CHECK(blob == std::string("\x02\x07\x02\x06\xF4\x03\xF0\x93\x09", 9));
}

TEST_CASE("what is written is read, in order, and what is of one place is joined") {
  std::mt19937_64 random(11);
  std::vector<RollupEntry> entries;
  for (int i = 0; i < 500; ++i) {
    RollupEntry entry{static_cast<uint32_t>(random() % 60), static_cast<uint32_t>(random() % 400), random() % 12, {}};
    if (random() % 3 > 0)
      entry.sums = {1 + random() % 9, random(), static_cast<int64_t>(random() % 3'600'000), 0, 0, 0};
    if (entry.sums.count == 0 || random() % 3 == 0) {
      entry.sums.other_count = 1 + random() % 9;
      entry.sums.other_bytes = random() >> 1;
      entry.sums.other_last = static_cast<int64_t>(random() % 3'600'000);
    }
    entries.push_back(entry);
  }
  bool damaged = false;
  const auto once = decoded(encode_rollup(entries), damaged);
  CHECK_FALSE(damaged);
  CHECK(once.size() <= entries.size());
  for (size_t i = 1; i < once.size(); ++i) {
    CHECK(std::tuple(once[i - 1].minute, once[i - 1].id, once[i - 1].group) <
          std::tuple(once[i].minute, once[i].id, once[i].group));
  }
  const auto twice = decoded(encode_rollup(once), damaged);
  REQUIRE(twice.size() == once.size());
  for (size_t i = 0; i < once.size(); ++i) CHECK(same(once[i], twice[i]));
  uint64_t before = 0;
  uint64_t after = 0;
  for (const RollupEntry& entry : entries) before += entry.sums.count + entry.sums.other_count;
  for (const RollupEntry& entry : once) after += entry.sums.count + entry.sums.other_count;
  CHECK(before == after);
}

TEST_CASE("damaged bytes are noticed or read as something, never past their end") {
  const std::string blob = encode_rollup({{2, 7, 2, {3, 500, 150'000, 1, 2, 3}}, {59, 900, 4, {1, 1, 1, 0, 0, 0}}});
  for (size_t end = 0; end < blob.size(); ++end) {
    bool damaged = false;
    CHECK(decoded(std::string_view(blob).substr(0, end), damaged).size() <= 2);
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = blob;
      changed[end] = static_cast<char>(byte);
      for (const RollupEntry& entry : decoded(changed, damaged)) CHECK(entry.minute < 60);
    }
  }
}

TEST_CASE("values and groups come apart as they were put together") {
  Rollup rollup;
  events::v1::PageEvent event;
  event.set_timestamp(3'600'000 * 5 + 61'000);
  event.set_action(events::v1::VERDICT_BLOCK);
  event.set_host(std::string("a\0b", 3));
  event.set_app("App");
  event.set_primary(true);
  event.set_numbytes(9);
  rollup.add(event);
  for (size_t i = 0; i < rolled_keys().size(); ++i) {
    const RolledKey& key = rolled_keys()[i];
    int seen = 0;
    rollup.visit(i, 5, 6, [&](int64_t hour, const Rollup::Place& place, const RollupSums& sums) {
      ++seen;
      CHECK(hour == 5);
      CHECK(place.minute == (key.slot_ms == 60'000 ? 1 : 0));
      CHECK(action_of(place.group) == events::v1::VERDICT_BLOCK);
      CHECK(bypass_of(place.group) == 0);
      CHECK((sums.count == 1 && sums.bytes == 9 && sums.last == 61'000));
      const auto parts = parts_of(key, place.value);
      REQUIRE(parts.size() == key.fields.size());
      for (size_t p = 0; p < parts.size(); ++p) {
        if (key.fields[p].field == &field("host")) CHECK(parts[p] == "a b");
        if (key.fields[p].field == &field("app")) CHECK(parts[p] == "App");
      }
    });
    CHECK(seen == 1);
  }
}

TEST_CASE("no two keys have one number, and each is found by its indexed field") {
  for (const RolledKey& a : rolled_keys()) {
    CHECK(std::count_if(rolled_keys().begin(), rolled_keys().end(),
                        [&](const RolledKey& b) { return a.number == b.number; }) == 1);
    if (a.indexed != nullptr) CHECK(covers(a, {a.indexed, &field("action")}));
  }
}

}  // namespace sluice::store
