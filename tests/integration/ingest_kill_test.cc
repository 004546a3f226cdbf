// The real sluice-events process is killed again and again while producers publish; in the end every event is there
// once. SLUICE_KILL_EVENTS sets the number of records (default 60,000), SLUICE_KILL_SEED the seed.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sluice/events/v1/ingest.grpc.pb.h"
#include "tests/support/event_source.h"
#include "tests/support/events_program.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using events::v1::PublishRequest;
using events::v1::PublishResponse;

constexpr uint64_t producers = 3;
constexpr uint64_t batch_records = 200;
constexpr auto give_up = 240s;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// Sequence by sequence: mostly finals; 5, 15, ... opens an event that 9, 19, ... closes; 7, 17, ... is empty.
std::vector<store::v1::Record> records_from(uint64_t producer, uint64_t first, uint64_t last) {
  std::vector<store::v1::Record> records;
  for (uint64_t seq = first; seq <= last; ++seq) {
    const int64_t start = store::noon - static_cast<int64_t>(seq % 3) * 24 * store::hour;
    const int64_t opened = store::noon - static_cast<int64_t>((seq - 4) % 3) * 24 * store::hour;
    if (seq % 10 == 5) {
      records.push_back(store::page(producer, seq, store::v1::STATE_OPEN, 1, start));
    } else if (seq % 10 == 7) {
      records.emplace_back();
    } else if (seq % 10 == 9) {
      records.push_back(store::page(producer, seq - 4, store::v1::STATE_CLOSED, 2, opened));
    } else {
      records.push_back(store::page(producer, seq, store::v1::STATE_CLOSED, 1, start));
    }
  }
  return records;
}

// One stream: sends from what the store says it has, or a little before; returns what was acknowledged at its end.
uint64_t publish(const std::string& address, uint64_t producer, uint64_t last, unsigned seed,
                 std::atomic<uint64_t>& acked) {
  std::mt19937 random(seed);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  const auto stub = events::v1::Ingest::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + give_up);
  const auto stream = stub->Publish(&context);
  PublishRequest hello;
  hello.mutable_hello()->set_producer_id(producer);
  PublishResponse response;
  if (!stream->Write(hello) || !stream->Read(&response) || !response.has_welcome()) {
    context.TryCancel();
    stream->Finish();
    return 0;
  }
  const uint64_t welcome = response.welcome().committed_seq();
  CHECK(welcome >= acked);  // what was acknowledged is durable
  std::thread writer([&] {
    uint64_t next = welcome + 1;
    next -= std::min<uint64_t>(next - 1, random() % (2 * batch_records));  // some come twice, some batches overlap
    while (next <= last) {
      const uint64_t end = std::min(last, next + random() % batch_records);
      if (!stream->Write(support::wire_batch(next, records_from(producer, next, end), random() % 2 == 0))) return;
      next = end + 1;
    }
    stream->WritesDone();
  });
  uint64_t committed = welcome;
  while (stream->Read(&response)) {
    CHECK(!response.has_nack());
    if (response.has_ack()) {
      committed = response.ack().committed_seq();
      acked = committed;
    }
  }
  writer.join();
  stream->Finish();
  return committed;
}
}  // namespace

TEST_CASE("kill -9 of sluice-events at any time loses nothing and doubles nothing") {
  const auto total = from_environment("SLUICE_KILL_EVENTS", 60'000) / producers / 10 * 10;
  const auto seed = static_cast<unsigned>(from_environment("SLUICE_KILL_SEED", std::random_device{}()));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const store::TemporaryDirectory directory;
  support::EventsProgram events(directory.path());
  std::array<std::atomic<uint64_t>, producers> acked{};
  std::atomic<uint64_t> running{0};
  int kills = 0;
  const auto deadline = std::chrono::steady_clock::now() + give_up;
  while (true) {
    events.start();
    std::vector<std::thread> threads;
    running = 0;
    uint64_t before = 0;
    for (uint64_t p = 0; p < producers; ++p) {
      before += acked[p];
      if (acked[p] >= total) continue;
      ++running;
      threads.emplace_back([&, p, s = static_cast<unsigned>(random())] {
        publish(events.address(), p + 1, total, s, acked[p]);
        --running;
      });
    }
    if (threads.empty()) break;
    // Killed after some progress, a little later or sooner, so that every place in a commit is met.
    const uint64_t progress = random() % (total * producers / 10 + 1);
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 50'000);
    while (running > 0) {
      uint64_t now = 0;
      for (const auto& a : acked) now += a;
      if (now >= before + progress && std::chrono::steady_clock::now() >= moment) break;
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
    events.kill();
    ++kills;
    for (auto& thread : threads) thread.join();
  }
  events.kill(SIGTERM);
  CHECK(events.clean());
  std::printf("%d kills\n", kills);
  CHECK(kills >= 3);

  auto opened = store::SqliteStore::open({directory.path() + "/store", {}, {}, {}});
  REQUIRE(opened.ok());
  store::SqliteStore& store = **opened;
  std::set<std::string> found;
  uint64_t doubled = 0;
  for (uint64_t offset = 0;;) {
    const auto page = store.read(offset, 1000);
    REQUIRE(page.ok());
    for (const auto& record : page->records) {
      if (!found.insert(record.record().page_event().event_id()).second) ++doubled;
    }
    if (page->caught_up) break;
    offset = page->next_offset;
  }
  const uint64_t expected = producers * (total / 10 * 8);  // of ten sequences one opens, one is empty
  CHECK(doubled == 0);
  CHECK(found.size() == expected);
  CHECK(store.stats()->final_events() == expected);
  CHECK(store.stats()->open_events() == 0);
}

}  // namespace sluice
