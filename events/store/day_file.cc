#include "events/store/day_file.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <utility>

#include "events/store/filter.h"
#include "events/store/hot_column.h"
#include "events/store/limits.h"

namespace sluice::store {
namespace {

constexpr int schema_version = 4;

std::string slot_column() {
  return "slot INTEGER GENERATED ALWAYS AS ((key>>" + std::to_string(key_hash_bits) + ")/" +
         std::to_string(index_slot_ms) + "%" + std::to_string(index_slots_per_day) + ") VIRTUAL";
}

std::string schema() {
  return "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE IF NOT EXISTS applied(producer INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);"
         "CREATE TABLE IF NOT EXISTS block(first_offset INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
         " ingested_time INTEGER NOT NULL, data BLOB NOT NULL);"
         "CREATE TABLE IF NOT EXISTS final(key INTEGER PRIMARY KEY, store_offset INTEGER NOT NULL,"
         " first_offset INTEGER NOT NULL, " +
         hot_column_definitions() +
         ", row_id TEXT NOT NULL DEFAULT '',"
         " " +
         slot_column() +
         ");"
         "INSERT OR IGNORE INTO meta VALUES('schema_version'," +
         std::to_string(schema_version) + "),('rows',0),('gaps',0),('rollup_offset',0);";
}

constexpr const char* indexes =
    "CREATE INDEX IF NOT EXISTS final_slot_host ON final(slot, host);"
    "CREATE INDEX IF NOT EXISTS final_slot_user ON final(slot, \"user\");"
    "CREATE INDEX IF NOT EXISTS final_slot_app ON final(slot, app);";

constexpr int first_hot_parameter = 4;
}  // namespace

bool is_indexed(const Filter* filter) {
  if (filter == nullptr) return false;
  return names_values_of(*filter, field("host")) || names_values_of(*filter, field("user")) ||
         names_values_of(*filter, field("app"));
}

std::string DayFile::file_name(int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  char name[64];
  std::snprintf(name, sizeof name, "day-%04d-%02u-%02u.db", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return name;
}

base::Result<std::unique_ptr<DayFile>> DayFile::open(const std::string& directory, int64_t day) {
  std::unique_ptr<DayFile> file(new DayFile);
  file->info_.day = day;
  file->info_.path = directory + "/" + file_name(day);
  auto database = Database::open(file->info_.path, Database::Mode::kWrite);
  if (!database.ok()) return database.error();
  file->database_ = std::move(database).value();
  file->load();
  if (!file->database_->ok()) return base::Error{file->database_->error()};
  return file;
}

void DayFile::load() {
  database_->execute("BEGIN IMMEDIATE;" + schema() + "COMMIT");
  migrate();
  database_->execute(std::string("BEGIN IMMEDIATE;") + indexes + rollup_schema + "COMMIT");
  info_.rows = static_cast<uint64_t>(database_->integer("SELECT value FROM meta WHERE name='rows'"));
  info_.gaps = static_cast<uint64_t>(database_->integer("SELECT value FROM meta WHERE name='gaps'"));
  if (info_.rows > 0) {
    info_.min_key = database_->integer("SELECT min(key) FROM final");
    info_.max_key = database_->integer("SELECT max(key) FROM final");
    info_.first_offset = static_cast<uint64_t>(database_->integer("SELECT min(first_offset) FROM block"));
    info_.last_offset = static_cast<uint64_t>(
        database_->integer("SELECT first_offset+count-1 FROM block ORDER BY first_offset DESC LIMIT 1"));
  }
  Statement all = database_->prepare("SELECT producer, sequence FROM applied");
  while (all.step() == Step::kRow) {
    applied_[static_cast<uint64_t>(all.integer(0))] = static_cast<uint64_t>(all.integer(1));
  }
  insert_row_ = database_->prepare("INSERT INTO final VALUES(?,?,?," + hot_column_marks() + ",?)");
  insert_block_ = database_->prepare("INSERT INTO block VALUES(?,?,?,?)");
  find_key_ = database_->prepare("SELECT event_id||row_id FROM final WHERE key=?");
  put_applied_ = database_->prepare("INSERT OR REPLACE INTO applied VALUES(?,?)");
  rollup_file_.emplace(*database_);
  info_.rollup = rollup_;
  replay_rollup();
}

// Version 1 had no roll-ups, and kept the id of a record that is no page event in the column event_id. Up to version 2
// indexes had no slots. Up to version 3 roll-ups had a row for each value; they are made again from the blocks.
void DayFile::migrate() {
  const int64_t version = database_->integer("SELECT value FROM meta WHERE name='schema_version'");
  if (!database_->ok() || version == schema_version) return;
  if (version > schema_version) return database_->fail("a newer program wrote this file");
  database_->execute("BEGIN IMMEDIATE");
  if (version == 1) {
    database_->execute(
        "ALTER TABLE final ADD COLUMN row_id TEXT NOT NULL DEFAULT '';"
        "UPDATE final SET row_id=event_id, event_id='' WHERE record_type<>1");
  }
  if (version <= 2) {
    database_->execute(
        "DROP INDEX IF EXISTS final_host; DROP INDEX IF EXISTS final_user; DROP INDEX IF EXISTS final_app;"
        "ALTER TABLE final ADD COLUMN " +
        slot_column());
  }
  database_->execute(
      "DROP TABLE IF EXISTS rollup; UPDATE meta SET value=0 WHERE name='rollup_offset';"
      "UPDATE meta SET value=" +
      std::to_string(schema_version) + " WHERE name='schema_version';COMMIT");
}

// What was committed after the roll-ups were last written, from the blocks.
void DayFile::replay_rollup() {
  auto written = static_cast<uint64_t>(database_->integer("SELECT value FROM meta WHERE name='rollup_offset'"));
  {
    const std::lock_guard lock(rollup_->mutex());
    rollup_->clear(written);
  }
  while (database_->ok() && written < info_.last_offset) {
    Statement blocks = database_->prepare(
        "SELECT first_offset, ingested_time, data FROM block WHERE first_offset > ?1 - ?2 AND first_offset + count > ?1"
        " ORDER BY first_offset LIMIT ?3");
    blocks.bind(1, static_cast<int64_t>(written + 1))
        .bind(2, static_cast<int64_t>(block_records_max))
        .bind(3, rollup_replay_blocks);
    uint64_t last = written;
    while (blocks.step() == Step::kRow) {
      const auto block = decode_block(static_cast<uint64_t>(blocks.integer(0)), blocks.integer(1), blocks.blob(2));
      if (!block.ok()) return database_->fail(block.error().message);
      for (uint64_t at = std::max((*block)->first_offset, written + 1); at < (*block)->end_offset(); ++at) {
        events::v1::Record record;
        if (!(*block)->parse(at, record)) return database_->fail("a stored record is damaged");
        const std::lock_guard lock(rollup_->mutex());
        if (record.has_page_event()) rollup_->add(record.page_event());
        last = at;
      }
    }
    blocks.reset();
    if (last == written) return database_->fail("blocks are missing");
    const uint64_t end = std::exchange(info_.last_offset, last);
    database_->execute("BEGIN IMMEDIATE");
    write_rollup();
    database_->execute("COMMIT");
    info_.last_offset = end;
    const std::lock_guard lock(rollup_->mutex());
    rollup_->clear(last);
    rollup_written_.reset();
    written = last;
  }
}

// Adds what waits in memory to the file, in the running transaction; counts everything up to info_.last_offset.
void DayFile::write_rollup() {
  const std::lock_guard lock(rollup_->mutex());
  rollup_file_->add(*rollup_);
  rollup_written_ = info_.last_offset;
  database_->execute("UPDATE meta SET value=" + std::to_string(info_.last_offset) + " WHERE name='rollup_offset'");
}

uint64_t DayFile::applied(uint64_t producer_id) const {
  const auto found = applied_.find(producer_id);
  return found == applied_.end() ? 0 : found->second;
}

bool DayFile::contains(int64_t key, std::string_view id) {
  if (key_time(key) > key_time(info_.max_key)) return false;
  for (int64_t at = key;; at = next_key(at)) {
    find_key_.bind(1, at);
    const bool found = find_key_.step() == Step::kRow;
    const bool same = found && find_key_.text(0) == id;
    find_key_.reset();
    if (!found || same) return same;
  }
}

// The ordinary case, found out cheaply: no two rows and no row of the file share a key.
bool DayFile::keys_are_free(const std::vector<FinalRow>& rows) {
  std::vector<int64_t> keys;
  keys.reserve(rows.size());
  for (const FinalRow& row : rows) keys.push_back(row.key);
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return false;
  return std::none_of(keys.begin(), keys.end(), [&](int64_t key) {
    if (key > info_.max_key) return false;
    find_key_.bind(1, key);
    const bool found = find_key_.step() == Step::kRow;
    find_key_.reset();
    return found;
  });
}

// Gives each row a free key; drops a row whose id is there already. Rows of one millisecond that hash alike form a
// chain of neighbouring keys, which never has holes because final records are never deleted one by one.
size_t DayFile::settle_keys(std::vector<FinalRow>& rows) {
  if (keys_are_free(rows)) return 0;
  std::unordered_map<int64_t, std::string_view> taken;
  taken.reserve(rows.size());
  const int64_t known_until = key_time(info_.max_key);
  const auto is_duplicate = [&](FinalRow& row) {
    for (;; row.key = next_key(row.key)) {
      if (const auto [at, fresh] = taken.try_emplace(row.key, row.id); !fresh) {
        if (at->second == row.id) return true;
        continue;
      }
      if (key_time(row.key) > known_until) return false;
      find_key_.bind(1, row.key);
      const bool found = find_key_.step() == Step::kRow;
      const bool same = found && find_key_.text(0) == row.id;
      find_key_.reset();
      if (!found) return false;
      taken.erase(row.key);
      if (same) return true;
    }
  };
  std::vector<FinalRow> kept;
  kept.reserve(rows.size());
  std::vector<bool> drop(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) drop[i] = is_duplicate(rows[i]);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!drop[i]) kept.push_back(std::move(rows[i]));
  }
  const size_t dropped = rows.size() - kept.size();
  rows = std::move(kept);
  return dropped;
}

size_t DayFile::write(std::vector<FinalRow>& rows, uint64_t next_offset, int64_t ingested_time) {
  database_->execute("BEGIN IMMEDIATE");
  const size_t dropped = settle_keys(rows);
  if (rows.empty()) return dropped;
  if (rollup_->events() >= rollup_events_max || rollup_->entries() >= rollup_entries_max) write_rollup();
  for (FinalRow& row : rows) {
    row.offset = next_offset++;
    if (!row.first_offset) row.first_offset = row.offset;
    info_.min_key = std::min(info_.min_key, row.key);
    info_.max_key = std::max(info_.max_key, row.key);
    if (row.record->has_gap()) ++info_.gaps;
  }
  if (info_.rows == 0) info_.first_offset = rows.front().offset;
  info_.last_offset = rows.back().offset;
  info_.rows += rows.size();
  write_blocks(rows, ingested_time);
  write_rows(rows, ingested_time);
  database_->execute("UPDATE meta SET value=" + std::to_string(info_.rows) + " WHERE name='rows';" +
                     "UPDATE meta SET value=" + std::to_string(info_.gaps) + " WHERE name='gaps'");
  return dropped;
}

void DayFile::write_blocks(const std::vector<FinalRow>& rows, int64_t ingested_time) {
  size_t first = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    block_.add(rows[i].bytes);
    if (!block_.full() && i + 1 < rows.size()) continue;
    insert_block_.bind(1, static_cast<int64_t>(rows[first].offset))
        .bind(2, static_cast<int64_t>(block_.count()))
        .bind(3, ingested_time)
        .bind_blob(4, block_.finish())
        .run();
    first = i + 1;
  }
}

// In key order, so that most rows are appended at the end of the table.
void DayFile::write_rows(const std::vector<FinalRow>& rows, int64_t ingested_time) {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return rows[a].key < rows[b].key; });
  const int row_id_parameter = first_hot_parameter + static_cast<int>(hot_columns().size());
  for (const uint32_t i : order) {
    const FinalRow& row = rows[i];
    insert_row_.bind(1, row.key)
        .bind(2, static_cast<int64_t>(row.offset))
        .bind(3, static_cast<int64_t>(*row.first_offset));
    bind_hot_columns(insert_row_, first_hot_parameter, *row.record, ingested_time);
    insert_row_.bind(row_id_parameter, row.record->has_page_event() ? std::string_view() : row.id);
    if (!insert_row_.run()) return;
  }
}

void DayFile::set_applied(uint64_t producer_id, uint64_t sequence) {
  applied_[producer_id] = sequence;
  put_applied_.bind(1, static_cast<int64_t>(producer_id)).bind(2, static_cast<int64_t>(sequence)).run();
}

base::Status DayFile::commit(const std::vector<FinalRow>& rows) {
  // Readers must not meet the file's new roll-ups together with the same sums in memory.
  std::unique_lock lock(rollup_->mutex(), std::defer_lock);
  if (rollup_written_) lock.lock();
  database_->execute("COMMIT");
  if (!database_->ok()) return base::Error{database_->error()};
  if (!lock.owns_lock()) lock.lock();
  if (rollup_written_) rollup_->clear(*std::exchange(rollup_written_, std::nullopt));
  for (const FinalRow& row : rows) {
    if (row.record->has_page_event()) rollup_->add(row.record->page_event());
  }
  return base::Unit{};
}

base::Status DayFile::replace_blocks(const CompactionBite& bite) {
  database_->execute("BEGIN IMMEDIATE");
  Statement erase = database_->prepare("DELETE FROM block WHERE first_offset >= ? AND first_offset < ?");
  for (const JoinedBlocks& joined : bite.joined) {
    erase.bind(1, static_cast<int64_t>(joined.first_offset)).bind(2, static_cast<int64_t>(joined.end_offset)).run();
    for (const PackedBlock& block : joined.blocks) {
      insert_block_.bind(1, static_cast<int64_t>(block.first_offset))
          .bind(2, static_cast<int64_t>(block.count))
          .bind(3, int64_t{0})
          .bind_blob(4, block.data)
          .run();
    }
  }
  database_->execute("INSERT OR REPLACE INTO meta VALUES('compacted_offset'," + std::to_string(bite.done_until) + ")");
  database_->execute("COMMIT");
  if (!database_->ok()) return base::Error{database_->error()};
  return base::Unit{};
}

base::Result<uint64_t> DayFile::release_pages() {
  constexpr int64_t incremental = 2;
  if (database_->integer("PRAGMA auto_vacuum") == incremental) {
    database_->execute("PRAGMA incremental_vacuum(" + std::to_string(compaction_pages) + ")");
  }
  const int64_t left = database_->integer("PRAGMA freelist_count");
  if (left == 0) database_->execute("PRAGMA wal_checkpoint(PASSIVE)");
  if (!database_->ok()) return base::Error{database_->error()};
  return static_cast<uint64_t>(left);
}

base::Status DayFile::settle() {
  if (rollup_->events() == 0) return base::Unit{};
  database_->execute("BEGIN IMMEDIATE");
  write_rollup();
  return commit({});
}

}  // namespace sluice::store
