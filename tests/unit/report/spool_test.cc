#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/unit/report/spool_fixture.h"

namespace sluice::report {

TEST_CASE("what is flushed and synced is read back in order") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path()));
  Producer producer(*root);
  CHECK(producer.writer().flush() == FlushStatus::kDone);  // nothing to write
  const uint64_t first = producer.open();
  const uint64_t second = producer.open();
  CHECK(producer.spool().written_seq() == 0);
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  CHECK(producer.spool().written_seq() == 2);
  producer.close(first);
  events::v1::Record notice;
  notice.mutable_notice()->set_kind("test");
  producer.writer().append(notice);
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  root->sync_now();
  const auto all = read_all(producer.spool(), 1, 2);
  REQUIRE(all.size() == 4);
  CHECK(all.at(1).kind == EntryKind::kOpen);
  CHECK(all.at(1).record.page_event().event_id() == event_id(producer.writer().producer_id(), first));
  CHECK(all.at(2).counter == second);
  CHECK(all.at(3).kind == EntryKind::kFinal);
  CHECK(all.at(4).kind == EntryKind::kOther);
  CHECK(all.at(4).record.notice().kind() == "test");
  CHECK(root->budget().used() == bytes_on_disk(folder.path()));
  // From the middle, and from beyond the end.
  CHECK(read_all(producer.spool(), 3).size() == 2);
  CHECK(read_all(producer.spool(), 5).empty());
}

TEST_CASE("nothing is shown to a reader before it is synced") {
  TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path());
  options.sync_interval = std::chrono::hours(1);
  auto root = open_root(options);
  Producer producer(*root);
  producer.open();
  producer.writer().flush();
  SpoolReader reader(producer.spool(), "");
  SpoolBatch batch;
  CHECK_FALSE(reader.read(1000, batch_bytes_target, batch));
  root->sync_now();
  CHECK(reader.read(1000, batch_bytes_target, batch));
}

TEST_CASE("an open record that the same batch supersedes is sent empty") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path()));
  Producer producer(*root);
  const uint64_t a = producer.open();  // 1
  const uint64_t b = producer.open();  // 2
  producer.update(a);                  // 3
  producer.close(a);                   // 4
  producer.update(b);                  // 5
  producer.writer().flush();
  root->sync_now();
  const auto all = read_all(producer.spool());
  REQUIRE(all.size() == 5);
  CHECK(all.at(1).kind == EntryKind::kEmpty);
  CHECK(all.at(1).counter == a);
  CHECK(all.at(2).kind == EntryKind::kEmpty);
  CHECK(all.at(3).kind == EntryKind::kEmpty);
  CHECK(all.at(4).kind == EntryKind::kFinal);
  CHECK(all.at(4).record.page_event().revision() == 3);
  CHECK(all.at(5).kind == EntryKind::kOpen);
  CHECK(all.at(5).record.page_event().revision() == 2);
  // In batches of one nothing is superseded.
  for (const auto& [seq, read] : read_all(producer.spool(), 1, 1)) CHECK(read.kind != EntryKind::kEmpty);
}

TEST_CASE("each new segment begins with what is open, so that acknowledged ones go") {
  TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path());
  options.segment_bytes = 4096;
  auto root = open_root(options);
  Producer producer(*root);
  producer.padding = std::string(200, 'x');
  const uint64_t long_flow = producer.open();
  uint64_t acknowledged = 0;
  for (int turn = 0; turn < 200; ++turn) {
    const uint64_t counter = producer.open();
    producer.close(counter);
    REQUIRE(producer.writer().flush() == FlushStatus::kDone);
    root->sync_now();
    if (turn % 10 == 9) {
      const auto all = read_all(producer.spool(), acknowledged + 1);
      acknowledged = producer.spool().synced_seq();
      producer.spool().commit(acknowledged);
      root->sync_now();
      REQUIRE(segments_of(producer.spool().directory()).size() <= 2);
    }
    REQUIRE(root->budget().used() == bytes_on_disk(folder.path()));
  }
  CHECK(producer.spool().first_held_seq() > 300);
  // The process dies (its locks go with it): what is left still knows the long flow.
  const std::string left = producer.spool().directory().string();
  TemporaryFolder second;
  std::filesystem::copy(left, second.path(std::filesystem::path(left).filename()),
                        std::filesystem::copy_options::recursive);
  auto heir = open_root(small_options(second.path()));
  const auto report = adopt_spools(*heir);
  REQUIRE(report.ok());
  CHECK(report->truncated_events == 1);
  Spool& adopted = *heir->spools().front();
  const auto all = read_all(adopted, adopted.first_held_seq());
  const auto& last = all.rbegin()->second;
  CHECK(last.kind == EntryKind::kFinal);
  CHECK(last.counter == long_flow);
  CHECK(last.record.page_event().state() == events::v1::STATE_TRUNCATED);
}

TEST_CASE("a full spool refuses new flows but takes the final records of admitted ones") {
  TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path());
  options.max_bytes = 256 * 1024;
  auto root = open_root(options);
  Producer producer(*root);
  producer.padding = std::string(300, 'x');
  std::vector<uint64_t> admitted;
  while (producer.writer().accepting()) {
    admitted.push_back(producer.open());
    REQUIRE(producer.writer().flush() == FlushStatus::kDone);
    REQUIRE(admitted.size() < 10'000);
    if (admitted.size() > 60) {
      producer.close(admitted.front());
      admitted.erase(admitted.begin());
    }
  }
  CHECK(root->budget().used() < options.max_bytes);
  // Updates say nothing the final record will not say.
  producer.update(admitted.front());
  CHECK(producer.writer().skipped_updates() == 1);
  for (const uint64_t counter : admitted) producer.close(counter);
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  CHECK(producer.writer().dropped_records() == 0);
  CHECK(root->budget().used() <= options.max_bytes);
  CHECK(root->budget().used() == bytes_on_disk(folder.path()));
  root->sync_now();
  const auto all = read_all(producer.spool());
  CHECK(gaps_of(all).empty());
  int alarms = 0;
  for (const auto& [seq, read] : all) alarms += read.record.notice().kind() == "spool_80_percent" ? 1 : 0;
  CHECK(alarms == 1);
  // The store takes it: room again.
  producer.spool().commit(producer.spool().synced_seq());
  producer.writer().flush();
  root->sync_now();
  producer.writer().flush();
  CHECK(producer.writer().accepting());
}

TEST_CASE("a full spool that drops the oldest says exactly what it dropped") {
  TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path());
  options.max_bytes = 128 * 1024;
  options.when_full = WhenFull::kDropOldest;
  auto root = open_root(options);
  Producer producer(*root);
  producer.padding = std::string(300, 'x');
  const uint64_t events = 2000;
  for (uint64_t i = 0; i < events; ++i) {
    REQUIRE(producer.writer().accepting());
    producer.close(producer.open());
    REQUIRE(producer.writer().flush() == FlushStatus::kDone);
    root->sync_now();
    REQUIRE(root->budget().used() <= options.max_bytes);
  }
  CHECK(root->budget().used() == bytes_on_disk(folder.path()));
  const auto all = read_all(producer.spool());
  CHECK(all.size() == producer.writer().last_sequence());
  const auto lost = gaps_of(all);
  CHECK(lost.size() == root->dropped_records());
  CHECK(lost.size() > events);
  CHECK(lost.begin()->first == 1);
  CHECK(lost.rbegin()->first == lost.size());
  CHECK(lost.begin()->second == events::v1::Gap::REASON_SPOOL_FULL);
  // What the store already had is not dropped: a second reader begins behind it.
  CHECK(gaps_of(read_all(producer.spool(), lost.size() + 1)).empty());
}

namespace {

// Refuses all writes beyond its size to this process while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_ = ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  sighandler_t old_ = SIG_DFL;
};

// Fills the disk with `fill`, frees it with `free`, and requires that nothing is lost in between.
template <class Fill, class Free>
void survives_full_disk(Producer& producer, SpoolRoot& root, Fill fill, Free free) {
  producer.padding = std::string(100, 'x');
  producer.close(producer.open());
  REQUIRE(producer.writer().flush() == FlushStatus::kDone);
  fill();
  std::vector<uint64_t> admitted;
  FlushStatus status = FlushStatus::kDone;
  for (int i = 0; i < 2000 && status == FlushStatus::kDone; ++i) {
    admitted.push_back(producer.open());
    status = producer.writer().flush();
  }
  REQUIRE(status == FlushStatus::kDiskFull);
  CHECK_FALSE(producer.writer().accepting());
  CHECK(producer.writer().write_errors() > 0);
  for (const uint64_t counter : admitted) producer.close(counter);
  CHECK(producer.writer().flush() == FlushStatus::kDiskFull);
  CHECK(producer.writer().pending_bytes() > 0);
  CHECK(root.budget().used() == bytes_on_disk(root.options().directory));
  free();
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  CHECK(producer.writer().accepting());
  CHECK(producer.writer().dropped_records() == 0);
  root.sync_now();
  const auto all = read_all(producer.spool());
  CHECK(all.size() == producer.writer().last_sequence());
  CHECK(gaps_of(all).empty());
  uint64_t finals = 0;
  for (const auto& [seq, read] : all) finals += read.kind == EntryKind::kFinal ? 1 : 0;
  CHECK(finals == admitted.size() + 1);
  CHECK(root.budget().used() == bytes_on_disk(root.options().directory));
}

}  // namespace

TEST_CASE("a file that cannot grow keeps records waiting and loses none") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path()));
  Producer producer(*root);
  std::unique_ptr<FileSizeLimit> limit;
  survives_full_disk(
      producer, *root, [&] { limit = std::make_unique<FileSizeLimit>(10'000); }, [&] { limit.reset(); });
}

TEST_CASE("a full file system keeps records waiting and loses none") {
  TemporaryFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=512k") != 0) {
    WARN("cannot mount a tmpfs: not tested here");
    return;
  }
  {
    auto root = open_root(small_options(folder.path("spool")));
    Producer producer(*root);
    const auto filler = folder.path("filler");
    survives_full_disk(
        producer, *root,
        [&] {
          std::ofstream out(filler, std::ios::binary);
          const std::string block(4096, 'f');
          while (out.write(block.data(), static_cast<std::streamsize>(block.size())) && out.flush()) {
          }
        },
        [&] { std::filesystem::remove(filler); });
  }
  ::umount2(folder.path().c_str(), MNT_DETACH);
}

TEST_CASE("records that find no room in memory either leave a hole the store hears of") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path()));
  Producer producer(*root);
  producer.open();
  REQUIRE(producer.writer().flush() == FlushStatus::kDone);
  producer.padding = std::string(60'000, 'x');
  {
    const FileSizeLimit limit(100);
    for (int i = 0; i < 200; ++i) {
      producer.open();
      producer.writer().flush();
      REQUIRE(producer.writer().pending_bytes() <= pending_bytes_max);
    }
  }
  const uint64_t dropped = producer.writer().dropped_records();
  CHECK(dropped > 0);
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  producer.padding.clear();
  producer.open();
  CHECK(producer.writer().flush() == FlushStatus::kDone);
  root->sync_now();
  const auto lost = gaps_of(read_all(producer.spool()));
  CHECK(lost.size() == dropped);
  for (const auto& [seq, reason] : lost) CHECK(reason == events::v1::Gap::REASON_WRITE_ERROR);
}

TEST_CASE("a drained spool of a writer that ended leaves the disk, one with open events stays for adoption") {
  TemporaryFolder folder;
  auto root = open_root(small_options(folder.path()));
  for (const bool leave_open : {false, true}) {
    Producer producer(*root);
    Spool& spool = producer.spool();
    const uint64_t counter = producer.open();
    if (!leave_open) producer.close(counter);
    producer.end();
    CHECK(spool.closed());
    CHECK_FALSE(spool.drained());
    root->sync_now();
    spool.commit(spool.written_seq());
    CHECK(spool.drained());
    CHECK(spool.remove_drained());
    CHECK(std::filesystem::exists(spool.directory()) == leave_open);
  }
  CHECK(root->budget().used() == bytes_on_disk(folder.path()));
}

TEST_CASE("writer, sync, reader and trimming work at the same time") {
  TemporaryFolder folder;
  SpoolOptions options = small_options(folder.path());
  options.segment_bytes = 8192;
  options.max_bytes = 512 * 1024;
  options.sync_interval = std::chrono::milliseconds(1);
  auto root = open_root(options);
  Producer producer(*root);
  producer.padding = std::string(100, 'x');
  Spool& spool = producer.spool();
  std::atomic<bool> done{false};
  uint64_t records = 0;
  bool gapless = true;
  std::thread shipper([&] {
    SpoolReader reader(spool, "");
    SpoolBatch batch;
    uint64_t next = 1;
    for (;;) {
      const bool last_round = done.load();
      while (reader.read(100, batch_bytes_target, batch)) {
        gapless = gapless && batch.first_seq == next && batch.lost == 0 && decode_entries(batch.payload, batch.count);
        next = batch.last_seq() + 1;
        records += batch.count;
        spool.commit(batch.last_seq());
      }
      if (last_round && spool.synced_seq() == spool.written_seq() && next > spool.written_seq()) return;
      std::this_thread::yield();
    }
  });
  const uint64_t long_flow = producer.open();
  for (int i = 0; i < 3000; ++i) {
    producer.close(producer.open());
    while (producer.writer().flush() != FlushStatus::kDone) std::this_thread::yield();
  }
  producer.close(long_flow);
  while (producer.writer().flush() != FlushStatus::kDone) std::this_thread::yield();
  done = true;
  shipper.join();
  CHECK(gapless);
  CHECK(records == producer.writer().last_sequence());
  CHECK(records >= 6002);
  root->sync_now();
  CHECK(segments_of(spool.directory()).size() <= 2);
}

}  // namespace sluice::report
