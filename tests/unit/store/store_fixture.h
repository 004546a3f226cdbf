#pragma once
// A store in a temporary directory with its own clock, and short ways to append and search.
#include <google/protobuf/arena.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "events/store/sqlite_store.h"
#include "proxy/base/assert.h"
#include "proxy/base/text.h"

namespace sluice::store {

inline constexpr int64_t noon = 1'767'268'800'000;  // 2026-01-01 12:00 UTC
inline constexpr int64_t hour = 3'600'000;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/sluice-store-XXXXXX";
    SLUICE_ASSERT(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline v1::Record page(uint64_t producer, uint64_t counter, v1::State state = v1::STATE_CLOSED, uint32_t revision = 1,
                       int64_t timestamp = noon) {
  v1::Record record;
  v1::PageEvent& event = *record.mutable_page_event();
  event.set_event_id(base::hex16(producer) + "-" + std::to_string(counter));
  event.set_revision(revision);
  event.set_state(state);
  event.set_type(v1::TYPE_CONNECTION);
  event.set_primary(true);
  event.set_timestamp(timestamp);
  event.set_host("host" + std::to_string(counter % 7) + ".example");
  event.set_user("user" + std::to_string(counter % 5));
  event.set_app("App" + std::to_string(counter % 3));
  event.set_numbytes(counter);
  return record;
}

inline Batch batch_of(uint64_t producer, uint64_t first_seq, const std::vector<v1::Record>& records,
                      std::string source = "loopback") {
  Batch batch;
  batch.producer_id = producer;
  batch.source = std::move(source);
  batch.observed_by = "pop-test";
  batch.first_seq = first_seq;
  batch.arena = std::make_unique<google::protobuf::Arena>();
  std::vector<size_t> lengths;
  for (const v1::Record& record : records) {
    const std::string bytes = record.SerializeAsString();
    batch.payload += bytes;
    lengths.push_back(bytes.size());
  }
  size_t at = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    IncomingRecord incoming;
    incoming.bytes = std::string_view(batch.payload).substr(at, lengths[i]);
    at += lengths[i];
    if (records[i].record_case() != v1::Record::RECORD_NOT_SET) {
      auto* parsed = google::protobuf::Arena::CreateMessage<v1::Record>(batch.arena.get());
      *parsed = records[i];
      incoming.record = parsed;
      const bool open = parsed->has_page_event() && parsed->page_event().state() == v1::STATE_OPEN;
      incoming.kind = open ? IncomingRecord::Kind::kOpen : IncomingRecord::Kind::kFinal;
    }
    batch.records.push_back(std::move(incoming));
  }
  return batch;
}

// Opens, closes and opens again the store of one directory.
class StoreFixture {
 public:
  StoreFixture() { open(); }
  ~StoreFixture() { store_.reset(); }

  void open() {
    SqliteStoreOptions options;
    options.directory = directory_.path() + "/store";
    options.now_ms = [this] { return now.load(); };
    options.at_commit_point = [this](CommitPoint point) {
      if (at_commit_point) at_commit_point(point);
    };
    auto opened = SqliteStore::open(std::move(options));
    SLUICE_ASSERT(opened.ok());
    store_ = std::move(opened).value();
  }
  void close() { store_.reset(); }
  void reopen() {
    close();
    open();
  }
  SqliteStore& store() { return *store_; }
  std::string directory() const { return directory_.path() + "/store"; }

  AppendResult append(Batch batch) {
    std::promise<AppendResult> promise;
    SLUICE_ASSERT(store_->append(std::move(batch), [&](AppendResult r) { promise.set_value(std::move(r)); }));
    return promise.get_future().get();
  }
  AppendResult append(uint64_t producer, uint64_t first_seq, const std::vector<v1::Record>& records) {
    return append(batch_of(producer, first_seq, records));
  }
  AppendResult hello(uint64_t producer, std::string source = "loopback") {
    std::promise<AppendResult> promise;
    SLUICE_ASSERT(store_->open_producer({producer, std::move(source), "pop-test"},
                                        [&](AppendResult r) { promise.set_value(std::move(r)); }));
    return promise.get_future().get();
  }
  SearchPage search(const SearchQuery& query = {}) {
    auto found = store_->search(query);
    SLUICE_ASSERT(found.ok());
    return std::move(found).value();
  }
  std::vector<v1::StoredRecord> read_all() {
    std::vector<v1::StoredRecord> all;
    uint64_t offset = 0;
    while (true) {
      auto page = store_->read(offset, 100);
      SLUICE_ASSERT(page.ok());
      for (auto& record : page->records) all.push_back(std::move(record));
      if (page->caught_up) return all;
      offset = page->next_offset;
    }
  }

  std::atomic<int64_t> now{noon};
  std::function<void(CommitPoint)> at_commit_point;

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace sluice::store
