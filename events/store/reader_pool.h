#pragma once
// Read-only connections to the store's files, kept between searches. Any thread; a lease belongs to one.
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "events/store/block.h"
#include "events/store/sqlite_db.h"
#include "proxy/base/result.h"

namespace sluice::store {

// A connection to one day file, with the blocks it decompressed last.
class DayReader {
 public:
  explicit DayReader(std::unique_ptr<Database> database);
  Database& database() { return *database_; }
  // The block that holds a store offset which a row of this file named.
  base::Result<std::shared_ptr<const Block>> block_of(uint64_t offset);
  void forget_blocks() { blocks_.clear(); }

 private:
  std::unique_ptr<Database> database_;
  Statement find_block_;
  std::list<std::shared_ptr<const Block>> blocks_;  // most recently used first
};

class ReaderPool {
 public:
  // Gives the reader back when it goes.
  class Lease {
   public:
    Lease(ReaderPool& pool, std::string path, std::unique_ptr<DayReader> reader)
        : pool_(&pool), path_(std::move(path)), reader_(std::move(reader)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (reader_) pool_->give_back(path_, std::move(reader_));
    }
    DayReader& operator*() const { return *reader_; }
    DayReader* operator->() const { return reader_.get(); }

   private:
    ReaderPool* pool_;
    std::string path_;
    std::unique_ptr<DayReader> reader_;
  };

  base::Result<Lease> lease(const std::string& path);
  // Closes what is idle, so that deleted files free their space. Readers on lease are closed when they come back.
  void clear();

 private:
  friend class Lease;
  void give_back(const std::string& path, std::unique_ptr<DayReader> reader);

  std::mutex mutex_;
  std::multimap<std::string, std::unique_ptr<DayReader>> idle_;
};

}  // namespace sluice::store
