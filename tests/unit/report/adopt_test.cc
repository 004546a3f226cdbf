#include <set>

#include "proxy/base/text.h"
#include "tests/unit/report/spool_fixture.h"

namespace sluice::report {

namespace {

namespace fs = std::filesystem;

// A spool as a killed process leaves it: four events, of which the third is closed; frames of two records each.
struct Dead {
  TemporaryFolder folder;
  std::string name;  // of the producer's directory
  std::string segment;
  std::string bytes;

  Dead() {
    TemporaryFolder living;
    auto root = open_root(small_options(living.path()));
    Producer producer(*root);
    for (int i = 0; i < 4; ++i) {
      producer.time += 1000;
      const uint64_t counter = producer.open();
      if (counter == 3) {
        producer.close(counter);
      } else {
        producer.update(counter);
      }
      producer.writer().flush();
    }
    name = producer.spool().directory().filename();
    segment = segments_of(producer.spool().directory()).front().filename();
    bytes = content_of(producer.spool().directory() / segment);
  }
  // Puts `content` where the segment was, in an otherwise empty root.
  void leave(const std::string& content) const {
    fs::remove_all(folder.path("spool"));
    fs::create_directories(folder.path("spool/" + name));
    folder.write("spool/" + name + "/" + segment, content);
  }
  std::unique_ptr<SpoolRoot> heir() const { return open_root(small_options(folder.path("spool"))); }
};

AdoptReport adopt(SpoolRoot& root) {
  auto report = adopt_spools(root);
  REQUIRE(report.ok());
  CHECK(report->problems.empty());
  return *report;
}

// Every event whose record is readable has exactly one final record, and it is the last of that event.
void require_all_final(const std::map<uint64_t, ReadRecord>& all) {
  std::map<uint64_t, int> finals;
  std::set<uint64_t> seen;
  for (const auto& [seq, read] : all) {
    if (read.kind != EntryKind::kOpen && read.kind != EntryKind::kFinal) continue;
    seen.insert(read.counter);
    REQUIRE(finals[read.counter] == 0);
    if (read.kind == EntryKind::kFinal) ++finals[read.counter];
  }
  for (const uint64_t counter : seen) REQUIRE(finals[counter] == 1);
}

}  // namespace

TEST_CASE("open events of a dead producer get a truncated record") {
  Dead dead;
  dead.leave(dead.bytes);
  auto root = dead.heir();
  const AdoptReport report = adopt(*root);
  CHECK(report.spools == 1);
  CHECK(report.truncated_events == 3);
  CHECK(report.torn_bytes == 0);
  Spool& spool = *root->spools().at(0);
  CHECK(base::hex16(spool.producer_id()) == dead.name);
  CHECK(spool.adopted());
  CHECK(spool.closed());
  CHECK(root->budget().used() == bytes_on_disk(dead.folder.path()));
  const auto all = read_all(spool, 1, 1);
  CHECK(all.size() == 8 + 3);
  require_all_final(all);
  const auto& event = all.at(9).record.page_event();
  CHECK(event.state() == events::v1::STATE_TRUNCATED);
  CHECK(event.close_reason() == events::v1::CLOSE_REASON_PRODUCER_CRASH);
  CHECK(event.event_id() == dead.name + "-1");
  CHECK(event.revision() == 3);
  CHECK(event.client_bytes() == 12);  // of the last revision
  CHECK(event.end_time() == 1'700'000'004'000);
  CHECK(event.duration_ms() == 4'000);
  // Acknowledged: gone from disk.
  spool.commit(spool.written_seq());
  CHECK(spool.remove_drained());
  CHECK_FALSE(fs::exists(spool.directory()));
  CHECK(root->budget().used() == 0);
}

TEST_CASE("a spool cut off at any byte is adopted up to the last whole frame") {
  Dead dead;
  for (size_t cut = 0; cut <= dead.bytes.size(); ++cut) {
    INFO("cut at " << cut << " of " << dead.bytes.size());
    dead.leave(dead.bytes.substr(0, cut));
    auto root = dead.heir();
    const AdoptReport report = adopt(*root);
    Spool& spool = *root->spools().at(0);
    const auto all = read_all(spool);
    REQUIRE(gaps_of(all).empty());
    require_all_final(all);
    uint64_t whole = 0;
    size_t at = 0;
    for (;;) {
      const auto parse = parse_frame(base::as_bytes(std::string_view(dead.bytes).substr(at, cut - at)));
      if (parse.status != FrameStatus::kComplete) break;
      whole = parse.frame.last_seq();
      at += parse.frame.bytes();
    }
    REQUIRE(report.torn_bytes == cut - at);
    REQUIRE(spool.written_seq() == whole + report.truncated_events);
    REQUIRE(root->budget().used() == bytes_on_disk(dead.folder.path()));
  }
}

TEST_CASE("adoption that is itself interrupted is finished by the next one") {
  Dead dead;
  dead.leave(dead.bytes);
  {
    auto root = dead.heir();
    adopt(*root);
  }
  const std::string complete = content_of(dead.folder.path("spool/" + dead.name + "/" + dead.segment));
  REQUIRE(complete.size() > dead.bytes.size());
  for (size_t cut = dead.bytes.size(); cut <= complete.size(); ++cut) {
    dead.leave(complete.substr(0, cut));
    auto root = dead.heir();
    adopt(*root);
    const auto all = read_all(*root->spools().at(0));
    REQUIRE(all.size() == 11);
    require_all_final(all);
  }
}

TEST_CASE("a damaged byte anywhere loses at most its frame, and says which records") {
  Dead dead;
  for (size_t at = 0; at < dead.bytes.size(); ++at) {
    INFO("byte " << at);
    std::string bytes = dead.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    dead.leave(bytes);
    auto root = dead.heir();
    const AdoptReport report = adopt(*root);
    Spool& spool = *root->spools().at(0);
    const auto all = read_all(spool, 1, 1);
    require_all_final(all);
    const auto lost = gaps_of(all);
    const bool in_last_frame = report.torn_bytes > 0;
    REQUIRE(lost.size() == (in_last_frame ? 0 : 2));
    REQUIRE((report.damaged_bytes > 0) != in_last_frame);
    for (const auto& [seq, reason] : lost) REQUIRE(reason == events::v1::Gap::REASON_SPOOL_CORRUPT);
  }
}

TEST_CASE("a missing segment in the middle is a hole, an unreadable name is ignored") {
  TemporaryFolder folder;
  std::string name;
  {
    TemporaryFolder living;
    SpoolOptions options = small_options(living.path());
    options.segment_bytes = 4096;
    auto root = open_root(options);
    Producer producer(*root);
    producer.padding = std::string(300, 'x');
    for (int i = 0; i < 60; ++i) {
      producer.close(producer.open());
      producer.writer().flush();
    }
    name = producer.spool().directory().filename();
    fs::copy(producer.spool().directory(), folder.path(name), fs::copy_options::recursive);
  }
  auto segments = segments_of(folder.path(name));
  REQUIRE(segments.size() > 3);
  const uint64_t first = *parse_segment_file_name(segments[1].filename());
  const uint64_t behind = *parse_segment_file_name(segments[2].filename());
  fs::remove(segments[1]);
  folder.write(name + "/notes.txt", "x");
  folder.write(name + "/00000000000000zz.seg", "x");
  fs::create_directories(folder.path("not-a-producer"));
  fs::create_directories(folder.path(".0000000000000007.new"));
  auto root = open_root(small_options(folder.path()));
  CHECK(adopt(*root).spools == 1);
  CHECK_FALSE(fs::exists(folder.path(".0000000000000007.new")));
  const auto lost = gaps_of(read_all(*root->spools().at(0)));
  CHECK(lost.size() == behind - first);
  CHECK(lost.begin()->first == first);
}

TEST_CASE("the spool of a living process is left alone, and locks decide between two heirs") {
  Dead dead;
  dead.leave(dead.bytes);
  auto first = dead.heir();
  Producer living(*first);
  living.open();
  living.writer().flush();
  CHECK(adopt(*first).spools == 1);
  auto second = dead.heir();
  const AdoptReport report = adopt(*second);
  CHECK(report.spools == 0);
  CHECK(report.locked == 2);
  CHECK(second->spools().empty());
}

TEST_CASE("an empty directory of a dead producer is drained at once") {
  TemporaryFolder folder;
  fs::create_directories(folder.path("spool/00000000c0ffee01"));
  auto root = open_root(small_options(folder.path("spool")));
  CHECK(adopt(*root).spools == 1);
  CHECK(root->spools().at(0)->drained());
  CHECK(root->spools().at(0)->remove_drained());
  CHECK_FALSE(fs::exists(folder.path("spool/00000000c0ffee01")));
}

TEST_CASE("an empty segment's name keeps the sequence") {
  TemporaryFolder folder;
  fs::create_directories(folder.path("spool/00000000c0ffee01"));
  folder.write("spool/00000000c0ffee01/" + segment_file_name(100), "");
  auto root = open_root(small_options(folder.path("spool")));
  adopt(*root);
  CHECK(root->spools().at(0)->written_seq() == 99);
}

}  // namespace sluice::report
