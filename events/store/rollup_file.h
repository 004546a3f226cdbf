#pragma once
// RollupFile: the roll-ups in a day's database.
//   rollup_value(key, id, value)   the values of a key, numbered from 0 as they come
//   rollup(id, data)               id = key << 32 | hour since the epoch; data: rollup_blob.h
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "events/store/rollup.h"
#include "events/store/sqlite_db.h"

namespace sluice::store {

inline constexpr const char* rollup_schema =
    "CREATE TABLE IF NOT EXISTS rollup(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS rollup_value(key INTEGER NOT NULL, id INTEGER NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(key, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX IF NOT EXISTS rollup_by_value ON rollup_value(key, value);";

inline int64_t rollup_row(int64_t key_number, int64_t hour) {
  return key_number << 32 | hour;
}

// Used by the writer thread, in its transactions. Borrows the database.
class RollupFile {
 public:
  explicit RollupFile(Database& database);
  // Adds what waits in memory; the caller holds its mutex.
  void add(const Rollup& rollup);

 private:
  void add(const Rollup& rollup, size_t key, int64_t hour);
  uint32_t id_of(int64_t key_number, std::string_view value);

  Database& database_;
  Statement find_value_;
  Statement put_value_;
  Statement find_sums_;
  Statement put_sums_;
  std::map<int64_t, int64_t> values_;  // how many there are of each key
};

}  // namespace sluice::store
