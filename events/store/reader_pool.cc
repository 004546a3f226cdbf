#include "events/store/reader_pool.h"

#include <unistd.h>

#include <utility>

#include "events/store/limits.h"

namespace sluice::store {

DayReader::DayReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

base::Result<std::shared_ptr<const Block>> DayReader::block_of(uint64_t offset) {
  for (auto at = blocks_.begin(); at != blocks_.end(); ++at) {
    if (offset < (*at)->first_offset || offset >= (*at)->end_offset()) continue;
    blocks_.splice(blocks_.begin(), blocks_, at);
    return blocks_.front();
  }
  if (!find_block_.prepared()) {
    find_block_ = database_->prepare(
        "SELECT first_offset, ingested_time, data FROM block WHERE first_offset <= ?"
        " ORDER BY first_offset DESC LIMIT 1");
  }
  find_block_.reset();
  find_block_.bind(1, static_cast<int64_t>(offset));
  const auto deadline = database_->deadline();
  database_->set_deadline(std::chrono::steady_clock::time_point::max());  // one look-up is not worth an interruption
  const Step step = find_block_.step();
  database_->set_deadline(deadline);
  if (step != Step::kRow) return base::Error{database_->ok() ? "a row has no block" : database_->error()};
  auto block = decode_block(static_cast<uint64_t>(find_block_.integer(0)), find_block_.integer(1), find_block_.blob(2));
  find_block_.reset();
  if (!block.ok()) return block.error();
  if (offset >= (*block)->end_offset()) return base::Error{"a row has no block"};
  blocks_.push_front(*block);
  if (blocks_.size() > block_cache_blocks) blocks_.pop_back();
  return blocks_.front();
}

base::Result<ReaderPool::Lease> ReaderPool::lease(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = idle_.find(path); found != idle_.end()) {
      Lease lease(*this, path, std::move(found->second));
      idle_.erase(found);
      return lease;
    }
  }
  auto database = Database::open(path, Database::Mode::kRead);
  if (!database.ok()) return database.error();
  return Lease(*this, path, std::make_unique<DayReader>(std::move(database).value()));
}

void ReaderPool::give_back(const std::string& path, std::unique_ptr<DayReader> reader) {
  if (!reader->database().ok() || ::access(path.c_str(), F_OK) != 0) return;
  reader->forget_blocks();
  reader->database().set_deadline(std::chrono::steady_clock::time_point::max());
  const std::lock_guard lock(mutex_);
  if (idle_.size() < idle_readers_max) idle_.emplace(path, std::move(reader));
}

void ReaderPool::clear() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

}  // namespace sluice::store
