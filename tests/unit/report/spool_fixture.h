#pragma once
// What the spool tests share: events to write, and everything a reader finds.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/report/adopt.h"
#include "proxy/report/event_builder.h"
#include "proxy/report/frame.h"
#include "proxy/report/limits.h"
#include "proxy/report/spool_reader.h"
#include "proxy/report/spool_root.h"
#include "proxy/report/spool_writer.h"
#include "tests/support/temporary_folder.h"

namespace sluice::report {

inline SpoolOptions small_options(const std::string& directory) {
  SpoolOptions options;
  options.directory = directory;
  options.observed_by = "pop-test";
  return options;
}

inline std::unique_ptr<SpoolRoot> open_root(SpoolOptions options) {
  auto root = SpoolRoot::open(std::move(options));
  REQUIRE(root.ok());
  return *std::move(root);
}

// Writes the records of events with made-up content and remembers which are open, as a worker does.
class Producer {
 public:
  explicit Producer(SpoolRoot& root) {
    auto made = SpoolWriter::create(root, [this](SpoolWriter&) {
      for (auto& [counter, revision] : open_) append(counter, ++revision, false);
    });
    REQUIRE(made.ok());
    writer_ = *std::move(made);
  }

  SpoolWriter& writer() { return *writer_; }
  Spool& spool() { return writer_->spool(); }
  const std::map<uint64_t, uint32_t>& open_events() const { return open_; }

  uint64_t open() {
    const uint64_t counter = writer_->allocate_event_counter();
    open_[counter] = 1;
    append(counter, 1, false);
    return counter;
  }
  void update(uint64_t counter) { append(counter, ++open_[counter], false); }
  void close(uint64_t counter) {
    append(counter, open_[counter] + 1, true);
    open_.erase(counter);
  }
  // Ends the writer as a shutdown does.
  void end() { writer_.reset(); }

  std::string padding;  // makes records longer
  int64_t time = 1'700'000'000'000;

 private:
  void append(uint64_t counter, uint32_t revision, bool final) {
    event_.Clear();
    event_.set_event_id(event_id(writer_->producer_id(), counter));
    event_.set_revision(revision);
    event_.set_state(final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN);
    event_.set_timestamp(1'700'000'000'000);
    event_.set_emitted_time(time);
    event_.set_client_bytes(counter * 10 + revision);
    event_.set_url(padding);
    writer_->append_event(counter, final, event_);
  }

  std::unique_ptr<SpoolWriter> writer_;
  std::map<uint64_t, uint32_t> open_;
  events::v1::PageEvent event_;
};

struct ReadRecord {
  EntryKind kind = EntryKind::kOther;
  uint64_t counter = 0;
  events::v1::Record record;
};

// Everything a reader finds from `from` on, by sequence; requires that no sequence is missing.
inline std::map<uint64_t, ReadRecord> read_all(Spool& spool, uint64_t from = 1, uint32_t records_max = 1000) {
  SpoolReader reader(spool, "pop-test");
  reader.seek(from);
  SpoolBatch batch;
  std::map<uint64_t, ReadRecord> all;
  uint64_t next = from;
  while (reader.read(records_max, batch_bytes_target, batch)) {
    REQUIRE(batch.first_seq == next);
    const auto entries = decode_entries(batch.payload, batch.count);
    REQUIRE(entries);
    for (const Entry& entry : *entries) {
      ReadRecord& read = all[next++];
      read.kind = entry.kind;
      read.counter = entry.counter;
      REQUIRE(read.record.ParseFromArray(entry.record.data(), static_cast<int>(entry.record.size())));
    }
  }
  REQUIRE(next == std::max(from, spool.synced_seq() + 1));
  return all;
}

// Sequences that all gaps in `all` cover; requires that they are disjoint and that nothing else stands in them.
inline std::map<uint64_t, events::v1::Gap::Reason> gaps_of(const std::map<uint64_t, ReadRecord>& all) {
  std::map<uint64_t, events::v1::Gap::Reason> lost;
  for (const auto& [seq, read] : all) {
    if (!read.record.has_gap()) continue;
    const auto& gap = read.record.gap();
    REQUIRE(gap.first_seq() == seq);
    for (uint64_t s = gap.first_seq(); s <= gap.last_seq(); ++s) {
      REQUIRE(lost.emplace(s, gap.reason()).second);
      if (s != seq) REQUIRE(all.at(s).kind == EntryKind::kEmpty);
    }
  }
  return lost;
}

inline std::vector<std::filesystem::path> segments_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".seg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline uint64_t bytes_on_disk(const std::filesystem::path& root) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".seg") bytes += entry.file_size();
  }
  return bytes;
}

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace sluice::report
