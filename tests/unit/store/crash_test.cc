// A child process dies between two durable steps of a commit; the parent opens the store and sends everything again.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <random>
#include <set>

#include "tests/unit/store/store_fixture.h"

namespace sluice::store {
namespace {

constexpr int died_as_told = 7;

// Two days, open events, a final of an open event of an earlier batch.
std::vector<std::vector<v1::Record>> batches() {
  std::vector<std::vector<v1::Record>> all;
  uint64_t counter = 1;
  for (int batch = 0; batch < 6; ++batch) {
    std::vector<v1::Record> records;
    for (int i = 0; i < 10; ++i, ++counter) {
      const int64_t start = noon - (counter % 2 == 0 ? 24 * hour : 0);
      // Far in the past: its day is clamped to the time of arrival, which is another day after the crash.
      if (i == 3) {
        records.push_back(page(1, counter, v1::STATE_CLOSED, 1, noon - 1000 * hour));
      } else {
        records.push_back(page(1, counter, i == 5 ? v1::STATE_OPEN : v1::STATE_CLOSED, 1, start));
      }
    }
    if (batch > 0) {
      const uint64_t opened = counter - 15;
      records.push_back(page(1, opened, v1::STATE_CLOSED, 2, noon - (opened % 2 == 0 ? 24 * hour : 0)));
    }
    all.push_back(std::move(records));
  }
  return all;
}

std::unique_ptr<SqliteStore> open_store(const std::string& directory, int64_t now, Committer::Hook hook) {
  auto store = SqliteStore::open({directory, [now] { return now; }, std::move(hook), {}});
  REQUIRE(store.ok());
  return std::move(store).value();
}

AppendResult append(SqliteStore& store, uint64_t first_seq, const std::vector<v1::Record>& records) {
  std::promise<AppendResult> promise;
  store.append(batch_of(1, first_seq, records), [&](AppendResult r) { promise.set_value(std::move(r)); });
  return promise.get_future().get();
}

// Appends all batches; ends the process at the `nth` commit point.
[[noreturn]] void run_child(const std::string& directory, int nth) {
  int points = 0;
  auto store = SqliteStore::open({directory,
                                  [] { return noon; },
                                  [&](CommitPoint) {
                                    if (++points == nth) ::_exit(died_as_told);
                                  },
                                  {}});
  uint64_t sequence = 1;
  for (const auto& records : batches()) {
    append(**store, sequence, records);
    sequence += records.size();
  }
  ::_exit(0);
}
}  // namespace

TEST_CASE("a crash at any point of a commit loses nothing and doubles nothing") {
  std::set<std::string> expected_finals;
  uint64_t total = 0;
  for (const auto& records : batches()) {
    total += records.size();
    for (const auto& record : records) {
      if (record.page_event().state() == v1::STATE_CLOSED) expected_finals.insert(record.page_event().event_id());
    }
  }
  int crashes = 0;
  for (int nth = 1;; ++nth) {
    INFO("crash at point " << nth);
    const TemporaryDirectory directory;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) run_child(directory.path() + "/store", nth);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    const bool crashed = WIFEXITED(status) && WEXITSTATUS(status) == died_as_told;
    if (!crashed) {
      REQUIRE(WIFEXITED(status));
      REQUIRE(WEXITSTATUS(status) == 0);
      break;
    }
    ++crashes;
    auto store = open_store(directory.path() + "/store", noon + 24 * hour, {});
    uint64_t sequence = 1;
    for (const auto& records : batches()) {
      const AppendResult result = append(*store, sequence, records);
      CHECK(result.code == AppendResult::Code::kCommitted);
      sequence += records.size();
    }
    CHECK(store->stats()->producers(0).committed_seq() == total);
    CHECK(store->stats()->open_events() == 1);  // the last batch's
    std::set<std::string> found;
    uint64_t offset = 0;
    uint64_t records = 0;
    while (true) {
      auto page = store->read(offset, 1000);
      REQUIRE(page.ok());
      for (const auto& record : page->records) {
        CHECK(record.offset() > offset);
        offset = record.offset();
        ++records;
        found.insert(record.record().page_event().event_id());
      }
      if (page->caught_up) break;
    }
    CHECK(found == expected_finals);
    CHECK(records == expected_finals.size());
    SearchQuery query;
    query.limit = 1000;
    CHECK(store->search(query)->records.size() == expected_finals.size() + 1);
  }
  CHECK(crashes >= 20);
}

}  // namespace sluice::store
