#pragma once
// SqliteStore: the embedded EventStore: a directory with a catalogue and one SQLite file per UTC day. One writer thread
// commits in groups; readers use their own connections. A second process on the same directory is refused.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "events/store/committer.h"
#include "events/store/event_store.h"
#include "events/store/fan_out.h"
#include "events/store/limits.h"
#include "events/store/reader_pool.h"
#include "events/store/store_view.h"

namespace sluice::store {

struct SqliteStoreOptions {
  std::string directory;  // made if it does not exist, mode 0700
  // Epoch ms. Tests put their own clock here.
  std::function<int64_t()> now_ms;
  Committer::Hook at_commit_point;
  // One sentence for the operator's log, when writing begins to fail and when it works again. On the writer thread.
  std::function<void(const std::string&)> on_trouble;
};

class SqliteStore : public EventStore {
 public:
  static base::Result<std::unique_ptr<SqliteStore>> open(SqliteStoreOptions options);
  ~SqliteStore() override;

  bool open_producer(ProducerHello hello, AppendDone done) override;
  bool append(Batch batch, AppendDone done) override;
  bool has_room() const override;
  base::Result<SearchPage, ReadError> search(const SearchQuery& query) override;
  base::Result<AggregateAnswer, ReadError> aggregate(const AggregateQuery& query) override;
  base::Result<OffsetPage, ReadError> read(uint64_t after_offset, uint32_t limit) override;
  uint64_t offset_before(int64_t time_ms) const override;
  std::unique_ptr<Subscription> subscribe(uint32_t queue_records_max, std::function<void()> ready) override;
  base::Result<v1::StatsResponse, ReadError> stats() override;
  StoreCounters counters() const override;
  base::Result<uint32_t> retention(int64_t now_ms, uint32_t retention_days) override;
  base::Result<uint64_t> compact(int64_t now_ms, const std::function<bool()>& go_on) override;
  base::Result<BackupResult, ReadError> backup(const std::string& directory) override;
  bool writable() const override;
  void close() override;

 private:
  explicit SqliteStore(SqliteStoreOptions options);
  base::Status start();
  bool enqueue(WriteItem item, size_t records, size_t bytes);
  void run_writer();
  std::vector<WriteItem> take_group(std::unique_lock<std::mutex>& lock);
  void commit_group(std::vector<WriteItem> group);
  base::Status recover();
  void refuse(std::vector<WriteItem>& group, const std::string& why);
  void publish(int64_t now_ms, const std::shared_ptr<void>& items);
  void publish_recovered(uint64_t from_offset);
  bool post(std::function<void()> task);
  base::Status on_writer(std::function<base::Status(Committer&)> work);
  base::Result<uint64_t> compact_day(const DayInfo& day, const std::function<bool()>& go_on);
  void note_state();
  base::Status copy_file(const std::string& name, const std::string& directory, BackupResult& result);

  const SqliteStoreOptions options_;
  int lock_file_ = -1;
  StoreView view_;
  ReaderPool pool_;
  FanOut fan_out_;
  std::counting_semaphore<> search_slots_{searches_max};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<WriteItem> queue_;
  std::deque<std::function<void()>> tasks_;  // what is no record but belongs on the writer thread
  size_t queued_records_ = 0;
  size_t queued_bytes_ = 0;
  std::chrono::steady_clock::time_point oldest_;  // when the queue's first item came
  bool closing_ = false;
  StoreCounters counters_;
  v1::StatsResponse sums_;  // as of the last commit
  bool writable_ = true;

  // The writer thread's own.
  std::unique_ptr<Committer> committer_;  // null after a failed write, until the next attempt
  std::chrono::steady_clock::time_point retry_at_;
  std::thread writer_;
};

}  // namespace sluice::store
