// The store on a disk that is too small: nothing is acknowledged that is not durable, and it goes on when there is
// room.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "tests/unit/store/store_fixture.h"

namespace sluice::store {
namespace {

constexpr int no_mount = 99;

AppendResult append(SqliteStore& store, uint64_t first, uint64_t count) {
  std::vector<v1::Record> records;
  for (uint64_t i = first; i < first + count; ++i) {
    records.push_back(page(1, i));
    std::string noise;
    for (int k = 0; k < 50; ++k) noise += base::hex16(base::random_u64());
    records.back().mutable_page_event()->set_url(noise);
  }
  std::promise<AppendResult> promise;
  store.append(batch_of(1, first, records), [&](AppendResult r) { promise.set_value(std::move(r)); });
  return promise.get_future().get();
}

// A mount namespace for this process; without root in a user namespace where we are.
bool own_mounts() {
  const uid_t uid = ::getuid();
  if (uid != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  } else if (::unshare(CLONE_NEWNS) != 0) {
    return false;
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// What the child found wrong, as its exit code; 0 is nothing.
int on_small_disk(const std::string& directory) {
  if (!own_mounts()) return no_mount;
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=12m") != 0) return no_mount;
  const std::string ballast = directory + "/ballast";
  std::ofstream(ballast) << std::string(6 << 20, 'x');
  constexpr uint64_t batch = 500;
  uint64_t committed = 0;
  {
    auto opened = SqliteStore::open({directory + "/store", {}, {}, {}});
    if (!opened.ok()) return 2;
    SqliteStore& store = **opened;
    AppendResult result;
    do {
      result = append(store, committed + 1, batch);
      if (result.code == AppendResult::Code::kCommitted) committed += batch;
      if (committed > 100'000) return 3;  // never full
    } while (result.code == AppendResult::Code::kCommitted);
    if (result.code != AppendResult::Code::kUnavailable || result.retry_after_ms == 0) return 4;
    if (store.writable()) return 5;
    if (!store.search({}).ok()) return 6;  // reading goes on
    if (append(store, committed + 1, batch).code != AppendResult::Code::kUnavailable) return 7;
    ::unlink(ballast.c_str());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (append(store, committed + 1, batch).code != AppendResult::Code::kCommitted) {
      if (std::chrono::steady_clock::now() > deadline) return 8;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // as a producer that was told to wait
    }
    committed += batch;
    if (!store.writable()) return 9;
  }
  auto opened = SqliteStore::open({directory + "/store", {}, {}, {}});
  if (!opened.ok()) return 10;
  std::set<std::string> found;
  for (uint64_t offset = 0;;) {
    const auto page = (*opened)->read(offset, 1000);
    if (!page.ok()) return 11;
    for (const auto& record : page->records) {
      if (!found.insert(record.record().page_event().event_id()).second) return 12;
    }
    if (page->caught_up) break;
    offset = page->next_offset;
  }
  return found.size() == committed ? 0 : 13;
}
}  // namespace

TEST_CASE("a full disk stops acknowledgements and nothing else") {
  const TemporaryDirectory directory;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(on_small_disk(directory.path()));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_mount) {
    WARN("this machine does not let us mount a tmpfs; nothing was tested");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace sluice::store
