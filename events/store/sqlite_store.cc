#include "events/store/sqlite_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <limits>
#include <utility>

#include "events/store/aggregation.h"
#include "events/store/offset_reader.h"
#include "events/store/registry.h"
#include "events/store/search.h"
#include "proxy/base/time.h"

namespace sluice::store {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {
uint64_t disk_bytes(const std::string& directory) {
  uint64_t sum = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;  // a file that just went counts nothing
    const auto size = entry->file_size(ignored);
    if (!ignored) sum += size;
  }
  return sum;
}
}  // namespace

SqliteStore::SqliteStore(SqliteStoreOptions options) : options_(std::move(options)) {}

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteStoreOptions options) {
  if (!options.now_ms) options.now_ms = [] { return base::epoch_ms(base::wall_now()); };
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options)));
  if (base::Status status = store->start(); !status.ok()) return status.error();
  return store;
}

base::Status SqliteStore::start() {
  const std::string& directory = options_.directory;
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::Error{directory + ": cannot make the store's directory: " + std::strerror(errno)};
  }
  lock_file_ = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_file_ < 0) return base::Error{directory + "/lock: " + std::strerror(errno)};
  if (::flock(lock_file_, LOCK_EX | LOCK_NB) != 0) {
    return base::Error{directory + ": another process uses this store"};
  }
  if (base::Status status = recover(); !status.ok()) return status;
  fan_out_.publish([] { return std::vector<SharedRecord>(); }, view_.published());  // where subscriptions begin
  writer_ = std::thread([this] { run_writer(); });
  return base::Unit{};
}

SqliteStore::~SqliteStore() {
  close();
  if (lock_file_ >= 0) ::close(lock_file_);
}

void SqliteStore::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
  fan_out_.end();
}

bool SqliteStore::open_producer(ProducerHello hello, AppendDone done) {
  return enqueue(PendingHello{std::move(hello), std::move(done), {}}, 0, 0);
}

bool SqliteStore::append(Batch batch, AppendDone done) {
  const size_t records = batch.records.size();
  const size_t bytes = batch.payload.size() + batch.unpacked.size();
  return enqueue(PendingAppend{std::move(batch), std::move(done), {}}, records, bytes);
}

bool SqliteStore::enqueue(WriteItem item, size_t records, size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return false;
    if (queue_.empty()) oldest_ = Clock::now();
    queue_.push_back(std::move(item));
    queued_records_ += records;
    queued_bytes_ += bytes;
  }
  wake_.notify_one();
  return true;
}

bool SqliteStore::has_room() const {
  const std::lock_guard lock(mutex_);
  return queued_records_ < writer_queue_records_max && queued_bytes_ < writer_queue_bytes_max;
}

void SqliteStore::run_writer() {
  ::pthread_setname_np(::pthread_self(), "store-writer");
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !queue_.empty() || !tasks_.empty(); });
    if (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
      continue;
    }
    if (queue_.empty()) return;  // closing
    std::vector<WriteItem> group = take_group(lock);
    lock.unlock();
    commit_group(std::move(group));
    lock.lock();
  }
}

std::vector<WriteItem> SqliteStore::take_group(std::unique_lock<std::mutex>& lock) {
  const auto until = oldest_ + group_linger;
  wake_.wait_until(lock, until, [this] {
    return closing_ || !tasks_.empty() || queued_records_ >= group_records_enough ||
           std::holds_alternative<PendingHello>(queue_.back());
  });
  std::vector<WriteItem> group;
  size_t records = 0;
  while (!queue_.empty() && records < group_records_max) {
    WriteItem& item = queue_.front();
    if (const auto* append = std::get_if<PendingAppend>(&item)) {
      records += append->batch.records.size();
      queued_records_ -= append->batch.records.size();
      queued_bytes_ -= append->batch.payload.size() + append->batch.unpacked.size();
    }
    group.push_back(std::move(item));
    queue_.pop_front();
  }
  oldest_ = Clock::now();
  return group;
}

void SqliteStore::commit_group(std::vector<WriteItem> group) {
  if (committer_ == nullptr) {
    if (Clock::now() < retry_at_) return refuse(group, "the store cannot write now");
    const uint64_t published = view_.published();
    if (base::Status status = recover(); !status.ok()) return refuse(group, status.error().message);
    publish_recovered(published);
  }
  const int64_t now_ms = options_.now_ms();
  if (base::Status status = committer_->commit(group, now_ms); !status.ok()) {
    committer_ = nullptr;
    retry_at_ = Clock::now() + write_retry;
    return refuse(group, status.error().message);
  }
  const auto items = std::make_shared<std::vector<WriteItem>>(std::move(group));
  publish(now_ms, items);
  for (WriteItem& item : *items) {
    // Viewers may keep the items for a while, and must not keep what `done` holds.
    std::visit([](auto& pending) { std::exchange(pending.done, nullptr)(std::move(pending.result)); }, item);
  }
}

// Reads the state back from the files; what a failed commit left in them is published.
base::Status SqliteStore::recover() {
  auto committer = Committer::open(options_.directory, view_, options_.at_commit_point);
  if (!committer.ok()) {
    retry_at_ = Clock::now() + write_retry;
    return committer.error();
  }
  committer_ = std::move(committer).value();
  view_.set_published(committer_->next_offset() - 1);
  note_state();
  return base::Unit{};
}

void SqliteStore::refuse(std::vector<WriteItem>& group, const std::string& why) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = writable_ && !closing_;
    if (!closing_) writable_ = false;
    counters_.write_errors += 1;
  }
  if (first && options_.on_trouble) options_.on_trouble("nothing is acknowledged until the store can write: " + why);
  const AppendResult result{AppendResult::Code::kUnavailable, 0, static_cast<uint32_t>(write_retry.count()), why};
  for (WriteItem& item : group) {
    std::visit([&](auto& pending) { pending.done(result); }, item);
  }
}

void SqliteStore::publish(int64_t now_ms, const std::shared_ptr<void>& items) {
  view_.set_published(committer_->next_offset() - 1);
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    const CommitCounts& counts = committer_->counts();
    counters_.commits += 1;
    counters_.finals += counts.finals;
    counters_.opens += counts.opens;
    counters_.gaps += counts.gaps;
    counters_.duplicate_batches += counts.duplicate_batches;
    counters_.duplicate_finals += counts.duplicate_finals;
    counters_.dead_letters += counts.dead_letters;
    again = !std::exchange(writable_, true);
  }
  note_state();
  if (again && options_.on_trouble) options_.on_trouble("the store can write again");
  fan_out_.publish([&] { return committer_->committed_records(now_ms, items); }, committer_->next_offset() - 1);
}

// Live subscribers have not seen what a failed commit left behind.
void SqliteStore::publish_recovered(uint64_t from_offset) {
  while (from_offset < view_.published()) {
    auto page = read_offsets(pool_, view_, from_offset, search_records_max);
    if (!page.ok() || page->next_offset == from_offset) return;
    from_offset = page->next_offset;
    fan_out_.publish(
        [&] {
          std::vector<SharedRecord> records;
          for (auto& record : page->records) {
            records.push_back(std::make_shared<const v1::StoredRecord>(std::move(record)));
          }
          return records;
        },
        from_offset);
  }
}

// False once the store is closing.
bool SqliteStore::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return false;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

// The sums that stats() and counters() tell, as of now.
void SqliteStore::note_state() {
  v1::StatsResponse stats;
  int64_t oldest = key_end;
  int64_t newest = -1;
  for (const DayInfo& day : view_.days()) {
    stats.set_final_events(stats.final_events() + day.rows);
    stats.set_gaps(stats.gaps() + day.gaps);
    if (day.rows == 0) continue;
    oldest = std::min(oldest, day.min_key);
    newest = std::max(newest, day.max_key);
  }
  if (newest >= 0) {
    stats.set_oldest_timestamp(key_time(oldest));
    stats.set_newest_timestamp(key_time(newest));
  }
  stats.set_open_events(committer_->open_events());
  stats.set_dead_letters(committer_->dead_letters());
  stats.set_last_offset(committer_->next_offset() - 1);
  const std::lock_guard lock(mutex_);
  sums_ = std::move(stats);
  counters_.open_events = committer_->open_events();
  counters_.last_offset = committer_->next_offset() - 1;
}

base::Result<SearchPage, ReadError> SqliteStore::search(const SearchQuery& query) {
  if (!search_slots_.try_acquire_for(query.budget)) {
    return ReadError{ReadError::Code::kUnavailable, "too many searches run already"};
  }
  auto page = Search(pool_, view_, options_.directory + "/" + CatalogueFile::file_name, query).run();
  search_slots_.release();
  const std::lock_guard lock(mutex_);
  counters_.searches += 1;
  if (page.ok() && page->partial) counters_.partial_searches += 1;
  return page;
}

base::Result<AggregateAnswer, ReadError> SqliteStore::aggregate(const AggregateQuery& query) {
  if (!search_slots_.try_acquire_for(query.budget)) {
    return ReadError{ReadError::Code::kUnavailable, "too many searches run already"};
  }
  auto answer = Aggregation(pool_, view_, query).run();
  search_slots_.release();
  const std::lock_guard lock(mutex_);
  counters_.searches += 1;
  if (answer.ok() && answer->partial) counters_.partial_searches += 1;
  return answer;
}

base::Status SqliteStore::copy_file(const std::string& name, const std::string& directory, BackupResult& result) {
  auto database = Database::open(options_.directory + "/" + name, Database::Mode::kRead);
  if (!database.ok()) return database.error();
  Statement copy = (*database)->prepare("VACUUM INTO ?");
  const std::string target = directory + "/" + name;
  if (!copy.bind(1, std::string_view(target)).run()) return base::Error{(*database)->error()};
  std::error_code ignored;
  result.bytes += fs::file_size(target, ignored);
  ++result.files;
  return base::Unit{};
}

// The catalogue first, and only then the question which days there are: day files that are ahead of the catalogue are
// what a crash leaves too, and a day that is younger than its copy is not forgotten.
base::Result<BackupResult, ReadError> SqliteStore::backup(const std::string& directory) {
  const auto failed = [](std::string why) { return ReadError{ReadError::Code::kUnavailable, std::move(why)}; };
  if (::mkdir(directory.c_str(), 0700) != 0) {
    return failed(directory + ": cannot make the folder: " + std::strerror(errno));
  }
  BackupResult result;
  if (const auto copied = copy_file(CatalogueFile::file_name, directory, result); !copied.ok()) {
    return failed(copied.error().message);
  }
  for (const DayInfo& day : view_.days()) {
    const auto copied = copy_file(DayFile::file_name(day.day), directory, result);
    if (!copied.ok() && view_.knows(day.path)) return failed(copied.error().message);  // else retention took it
  }
  if (!fs::exists(options_.directory + "/" + Registry::file_name)) return result;
  if (const auto copied = copy_file(Registry::file_name, directory, result); !copied.ok()) {
    return failed(copied.error().message);
  }
  return result;
}

base::Result<OffsetPage, ReadError> SqliteStore::read(uint64_t after_offset, uint32_t limit) {
  return read_offsets(pool_, view_, after_offset, std::clamp<uint32_t>(limit, 1, search_records_max));
}

uint64_t SqliteStore::offset_before(int64_t time_ms) const {
  uint64_t before = view_.published();
  for (const DayInfo& day : view_.days()) {
    if (day.rows > 0 && key_time(day.max_key) >= time_ms) before = std::min(before, day.first_offset - 1);
  }
  return before;
}

std::unique_ptr<Subscription> SqliteStore::subscribe(uint32_t queue_records_max, std::function<void()> ready) {
  return fan_out_.subscribe(queue_records_max, std::move(ready));
}

base::Result<v1::StatsResponse, ReadError> SqliteStore::stats() {
  using Producers = std::vector<std::pair<uint64_t, ProducerState>>;
  auto promise = std::make_shared<std::promise<Producers>>();
  auto answer = promise->get_future();
  const bool posted = post([this, promise] {
    Producers producers;
    if (committer_ != nullptr) producers.assign(committer_->producers().begin(), committer_->producers().end());
    const auto end = producers.begin() + static_cast<ptrdiff_t>(std::min(producers.size(), stats_producers_max));
    std::partial_sort(producers.begin(), end, producers.end(),
                      [](const auto& a, const auto& b) { return a.second.last_seen > b.second.last_seen; });
    producers.erase(end, producers.end());
    promise->set_value(std::move(producers));
  });
  if (!posted || answer.wait_for(stats_wait) != std::future_status::ready) {
    return ReadError{ReadError::Code::kUnavailable, posted ? "the store is busy writing" : "the store is closing"};
  }
  v1::StatsResponse stats;
  {
    const std::lock_guard lock(mutex_);
    stats = sums_;
  }
  for (const auto& [id, state] : answer.get()) {
    v1::ProducerStats& producer = *stats.add_producers();
    producer.set_producer_id(id);
    producer.set_observed_by(state.observed_by);
    producer.set_committed_seq(state.committed);
    producer.set_last_seen(state.last_seen);
    producer.set_open_events(state.open_events);
  }
  stats.set_disk_bytes(disk_bytes(options_.directory));
  return stats;
}

StoreCounters SqliteStore::counters() const {
  const std::lock_guard lock(mutex_);
  StoreCounters counters = counters_;
  counters.queued_records = queued_records_;
  return counters;
}

// Does something with the files on the writer thread, between two commits, and waits for it.
base::Status SqliteStore::on_writer(std::function<base::Status(Committer&)> work) {
  auto promise = std::make_shared<std::promise<base::Status>>();
  auto answer = promise->get_future();
  const auto run = [this, promise, work = std::move(work)] {
    if (committer_ == nullptr) return promise->set_value(base::Error{"the store cannot write now"});
    base::Status done = work(*committer_);
    if (done.ok()) {
      note_state();
    } else {
      committer_ = nullptr;
      retry_at_ = Clock::now();
    }
    promise->set_value(std::move(done));
  };
  if (!post(run)) return base::Error{"the store is closing"};
  return answer.get();
}

base::Result<uint32_t> SqliteStore::retention(int64_t now_ms, uint32_t retention_days) {
  uint32_t dropped = 0;
  if (retention_days == 0) return dropped;
  const base::Status done = on_writer([&](Committer& committer) -> base::Status {
    const auto went = committer.drop_before(now_ms - int64_t{retention_days} * day_ms, now_ms);
    if (!went.ok()) return went.error();
    dropped = *went;
    pool_.clear();
    return base::Unit{};
  });
  if (!done.ok()) return done.error();
  return dropped;
}

base::Result<uint64_t> SqliteStore::compact(int64_t now_ms, const std::function<bool()>& go_on) {
  uint64_t gone = 0;
  for (const DayInfo& day : view_.days()) {
    if (day.rows == 0 || (day.day + 1) * day_ms + compaction_age_ms > now_ms) continue;
    const auto went = compact_day(day, go_on);
    if (!went.ok() && view_.knows(day.path)) return went.error();
    if (went.ok()) gone += *went;
  }
  return gone;
}

base::Result<uint64_t> SqliteStore::compact_day(const DayInfo& day, const std::function<bool()>& go_on) {
  uint64_t gone = 0;
  while (go_on()) {
    auto lease = pool_.lease(day.path);
    if (!lease.ok()) return lease.error();
    const auto bite = next_compaction(**lease);
    if (!bite.ok()) return base::Error{day.path + ": " + bite.error().message};
    if (bite->done_until == 0) break;
    const base::Status done = on_writer([&](Committer& to) { return to.replace_blocks(day.day, *bite); });
    if (!done.ok()) return done.error();
    gone += bite->blocks_gone;
  }
  uint64_t left = gone > 0 ? std::numeric_limits<uint64_t>::max() : 0;
  for (uint64_t before = 0; left > 0 && left != before && go_on();) {
    before = left;
    const base::Status done = on_writer([&](Committer& to) -> base::Status {
      const auto released = to.release_pages(day.day);
      if (!released.ok()) return released.error();
      left = *released;
      return base::Unit{};
    });
    if (!done.ok()) return done.error();
  }
  return gone;
}

bool SqliteStore::writable() const {
  const std::lock_guard lock(mutex_);
  return writable_;
}

}  // namespace sluice::store
