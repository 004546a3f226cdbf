#include "proxy/report/shipper.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "proxy/base/text.h"
#include "tests/unit/report/fake_store.h"
#include "tests/unit/report/spool_fixture.h"

// gRPC is left in the middle of a handshake that cannot succeed when the program ends; what OpenSSL made for it is
// nobody's then.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:CRYPTO_zalloc\n";
}

namespace sluice::report {

namespace {

using Answer = FakeStore::Answer;
using Nack = FakeStore::Nack;

std::unique_ptr<Shipper> ship(SpoolRoot& root, const FakeStore& store) {
  ShipperOptions options;
  options.address = store.address();
  options.seed = 1;
  auto shipper = Shipper::create(root, options);
  REQUIRE(shipper.ok());
  return *std::move(shipper);
}

bool drained(Shipper& shipper, int seconds = 60) {
  return shipper.drain(std::chrono::steady_clock::now() + std::chrono::seconds(seconds));
}

template <class Condition>
bool wait_for(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void write_events(Producer& producer, int count, int events_per_turn = 50) {
  for (int i = 0; i < count; ++i) {
    producer.close(producer.open());
    if (i % events_per_turn == 0) REQUIRE(producer.writer().flush() == FlushStatus::kDone);
  }
  REQUIRE(producer.writer().flush() == FlushStatus::kDone);
}

events::v1::Record parsed(const StoredEntry& entry) {
  events::v1::Record record;
  REQUIRE(record.ParseFromString(entry.record));
  return record;
}

// Each of the events 1..count has exactly one final record in `log`.
void require_finals(const std::vector<StoredEntry>& log, uint64_t count) {
  std::map<uint64_t, int> finals;
  for (const StoredEntry& entry : log) finals[entry.counter] += entry.kind == EntryKind::kFinal ? 1 : 0;
  finals.erase(0);
  REQUIRE(finals.size() == count);
  for (const auto& [counter, times] : finals) REQUIRE(times == 1);
}

bool has_producer_directories(const std::string& root) {
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.is_directory()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a spool arrives in the store and leaves the disk") {
  TemporaryFolder folder;
  FakeStore store;
  store.start();
  auto root = open_root(small_options(folder.path()));
  auto shipper = ship(*root, store);
  Producer producer(*root);
  const uint64_t id = producer.writer().producer_id();
  write_events(producer, 2500);
  const uint64_t records = producer.writer().last_sequence();
  producer.end();
  REQUIRE(drained(*shipper));
  CHECK(shipper->metrics().records_acked == records);
  CHECK(shipper->metrics().records_missing == 0);
  CHECK(wait_for([&] { return shipper->metrics().streams == 0; }));
  shipper.reset();
  CHECK_FALSE(has_producer_directories(folder.path()));
  const auto log = store.stored()[id];
  CHECK(log.size() == records);
  require_finals(log, 2500);
  // Nearly every open record was superseded in its batch.
  uint64_t empty = 0;
  for (const auto& entry : log) empty += entry.kind == EntryKind::kEmpty ? 1 : 0;
  CHECK(empty > 2400);
}

TEST_CASE("cut streams, lost acknowledgements and refusals lose and double nothing") {
  const uint64_t seed = base::random_u64() % 1'000'000;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  TemporaryFolder folder;
  FakeStore store;
  // Each fault three times, in random order, between answers without fault.
  std::vector<Answer> faults;
  for (int i = 0; i < 3; ++i) {
    faults.push_back({.commit = false, .ack = false, .cut = true});
    faults.push_back({.commit = true, .ack = false, .cut = true});
    faults.push_back({.commit = true, .ack = false});  // a later one covers it
    faults.push_back({.commit = true, .ack = true, .cut = true});
    faults.push_back({.nack = Nack::CODE_CORRUPT});
    faults.push_back({.nack = Nack::CODE_RESOURCE_EXHAUSTED, .retry_after_ms = 1});
    faults.push_back({.nack = Nack::CODE_OUT_OF_RANGE});
  }
  std::shuffle(faults.begin(), faults.end(), random);
  std::atomic<size_t> faults_left{faults.size()};
  store.on_batch([&](const auto&, const auto&) -> Answer {
    if (faults_left == 0 || random() % 2 == 0) return {};
    return faults[--faults_left];
  });
  store.start();
  auto root = open_root(small_options(folder.path()));
  auto shipper = ship(*root, store);
  std::vector<std::unique_ptr<Producer>> producers;
  std::map<uint64_t, uint64_t> written;
  for (int i = 0; i < 2; ++i) producers.push_back(std::make_unique<Producer>(*root));
  uint64_t events = 0;
  REQUIRE(wait_for([&] {
    const auto asked = shipper->metrics().batches_shipped.load();
    for (auto& producer : producers) write_events(*producer, 100);
    events += 100;
    root->sync_now();
    return faults_left == 0 || !wait_for([&] { return shipper->metrics().batches_shipped > asked; });
  }));
  REQUIRE(faults_left == 0);
  for (auto& producer : producers) {
    written[producer->writer().producer_id()] = producer->writer().last_sequence();
    producer->end();
  }
  store.on_batch(nullptr);
  REQUIRE(drained(*shipper));
  CHECK(shipper->metrics().nacks > 0);
  CHECK(shipper->metrics().reconnects > 0);
  const auto stored = store.stored();
  REQUIRE(stored.size() == 2);
  for (const auto& [id, log] : stored) {
    CHECK(log.size() == written[id]);
    require_finals(log, events);
  }
}

TEST_CASE("a record that the store can never read is given up alone, and said to be") {
  TemporaryFolder folder;
  FakeStore store;
  const uint64_t poison = 777;  // the final record of this event
  store.on_batch([](const auto&, const std::vector<Entry>& entries) -> Answer {
    for (const Entry& entry : entries) {
      if (entry.kind == EntryKind::kFinal && entry.counter == poison) return {.nack = Nack::CODE_CORRUPT};
    }
    return {};
  });
  store.start();
  auto root = open_root(small_options(folder.path()));
  auto shipper = ship(*root, store);
  Producer producer(*root);
  const uint64_t id = producer.writer().producer_id();
  write_events(producer, 1500, 1500);
  producer.end();
  REQUIRE(drained(*shipper));
  const auto log = store.stored()[id];
  REQUIRE(log.size() >= 3000);
  const auto gap = parsed(log.at(poison * 2 - 1)).gap();
  CHECK(gap.first_seq() == poison * 2);
  CHECK(gap.last_seq() == poison * 2);
  CHECK(gap.reason() == events::v1::Gap::REASON_SPOOL_CORRUPT);
  uint64_t finals = 0;
  uint64_t gaps = 0;
  for (const auto& entry : log) {
    finals += entry.kind == EntryKind::kFinal ? 1 : 0;
    if (entry.kind == EntryKind::kOther) gaps += parsed(entry).has_gap() ? 1 : 0;
  }
  CHECK(finals == 1499);
  CHECK(gaps == 1);
}

TEST_CASE("a store that goes and comes back gets everything") {
  TemporaryFolder folder;
  FakeStore store;
  store.start();
  auto root = open_root(small_options(folder.path()));
  auto shipper = ship(*root, store);
  Producer producer(*root);
  const uint64_t id = producer.writer().producer_id();
  write_events(producer, 100);
  REQUIRE(drained(*shipper));
  CHECK(shipper->metrics().connected == 1);
  store.stop();
  write_events(producer, 100);
  CHECK_FALSE(drained(*shipper, 1));
  CHECK(shipper->metrics().connected == 0);
  store.start();
  REQUIRE(drained(*shipper));
  require_finals(store.stored()[id], 200);
}

TEST_CASE("what a dead process left is shipped under its own id") {
  TemporaryFolder folder;
  FakeStore store;
  store.start();
  uint64_t id = 0;
  {
    TemporaryFolder living;
    auto root = open_root(small_options(living.path()));
    Producer producer(*root);
    id = producer.writer().producer_id();
    write_events(producer, 20);
    producer.open();
    producer.writer().flush();
    std::filesystem::copy(producer.spool().directory(), folder.path(base::hex16(id)),
                          std::filesystem::copy_options::recursive);
  }
  auto root = open_root(small_options(folder.path()));
  REQUIRE(adopt_spools(*root)->truncated_events == 1);
  auto shipper = ship(*root, store);
  REQUIRE(drained(*shipper));
  CHECK(wait_for([&] { return !has_producer_directories(folder.path()); }));
  const auto log = store.stored()[id];
  require_finals(log, 21);
  CHECK(parsed(log.back()).page_event().state() == events::v1::STATE_TRUNCATED);
}

TEST_CASE("dropped records reach the store as gaps, and so does what another store had") {
  TemporaryFolder folder;
  FakeStore store;
  SpoolOptions options = small_options(folder.path());
  options.max_bytes = 128 * 1024;
  options.when_full = WhenFull::kDropOldest;
  auto root = open_root(options);
  Producer producer(*root);
  const uint64_t id = producer.writer().producer_id();
  producer.padding = std::string(300, 'x');
  for (int i = 0; i < 1000; ++i) {
    write_events(producer, 1);
    root->sync_now();
  }
  REQUIRE(root->dropped_records() > 0);
  store.start();
  auto shipper = ship(*root, store);
  REQUIRE(drained(*shipper));
  const auto lost_in = [&](const std::vector<StoredEntry>& log) {
    std::map<events::v1::Gap::Reason, uint64_t> lost;
    for (const auto& entry : log) {
      if (entry.kind != EntryKind::kOther) continue;
      const auto gap = parsed(entry).gap();
      if (gap.first_seq() != 0) lost[gap.reason()] += gap.last_seq() - gap.first_seq() + 1;
    }
    return lost;
  };
  auto lost = lost_in(store.stored()[id]);
  CHECK(lost[events::v1::Gap::REASON_SPOOL_FULL] == root->dropped_records());
  CHECK(lost.size() == 1);
  CHECK(store.stored()[id].size() == producer.writer().last_sequence());
  // The store is replaced by an empty one.
  store.stop();
  store.forget();
  store.start();
  write_events(producer, 10);
  const uint64_t records = producer.writer().last_sequence();
  REQUIRE(drained(*shipper));
  const auto log = store.stored()[id];
  CHECK(log.size() == records);
  lost = lost_in(log);
  CHECK(lost[events::v1::Gap::REASON_UNSPECIFIED] > 0);
  CHECK(lost.size() == 1);
}

TEST_CASE("the store is only believed over mutual TLS unless it is local") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path("spool")));
  ShipperOptions options;
  for (const char* address : {"192.0.2.1:1", "store.example:4317", "localhost.example:1", "[2001:db8::1]:1"}) {
    options.address = address;
    CHECK_FALSE(Shipper::create(*root, options));
  }
  for (const char* address : {"127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/nonexistent"}) {
    options.address = address;
    CHECK(Shipper::create(*root, options));
  }
  options.tls = TlsFiles{"/nonexistent", "/nonexistent", "/nonexistent"};
  CHECK_FALSE(Shipper::create(*root, options));

  const std::string make =
      "cd " + folder.path() +
      " && for n in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
      " -keyout $n.key -out $n.pem -subj /CN=$n; done"
      " && for n in store pop; do openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
      " -keyout $n.key -out $n.csr -subj /CN=$n && printf 'subjectAltName=IP:127.0.0.1' > $n.ext &&"
      " openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.pem; "
      "done";
  REQUIRE(std::system(("( " + make + " ) > " + folder.path("log") + " 2>&1").c_str()) == 0);
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = content_of(folder.path("ca.pem"));
  ssl.pem_key_cert_pairs.push_back({content_of(folder.path("store.key")), content_of(folder.path("store.pem"))});
  FakeStore store;
  store.start(grpc::SslServerCredentials(ssl));
  Producer producer(*root);
  write_events(producer, 5);
  options.address = store.address();
  const auto drains_with = [&](const std::string& name, const std::string& ca, int seconds) {
    options.tls = TlsFiles{folder.path(name + ".pem"), folder.path(name + ".key"), folder.path(ca + ".pem")};
    auto shipper = Shipper::create(*root, options);
    REQUIRE(shipper.ok());
    return drained(**shipper, seconds);
  };
  CHECK_FALSE(drains_with("other", "ca", 1));   // the store does not know us
  CHECK_FALSE(drains_with("pop", "other", 1));  // we do not know the store
  CHECK(drains_with("pop", "ca", 30));
  require_finals(store.stored()[producer.writer().producer_id()], 5);
}

}  // namespace sluice::report
