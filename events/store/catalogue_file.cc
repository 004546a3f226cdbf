#include "events/store/catalogue_file.h"

#include <utility>

#include "events/store/hot_column.h"
#include "events/store/limits.h"

namespace sluice::store {
namespace {

constexpr int schema_version = 1;

std::string schema() {
  return "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE IF NOT EXISTS producer(id INTEGER PRIMARY KEY, source TEXT NOT NULL, observed_by TEXT NOT NULL,"
         " committed INTEGER NOT NULL, last_seen INTEGER NOT NULL);"
         "CREATE TABLE IF NOT EXISTS dead_letter(number INTEGER PRIMARY KEY, producer INTEGER NOT NULL,"
         " sequence INTEGER NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL, bytes BLOB NOT NULL,"
         " UNIQUE(producer, sequence));"
         "CREATE TABLE IF NOT EXISTS open_event(key INTEGER PRIMARY KEY, first_offset INTEGER NOT NULL,"
         " revision INTEGER NOT NULL, producer INTEGER NOT NULL, record BLOB NOT NULL, " +
         hot_column_definitions() +
         ");"
         "INSERT OR IGNORE INTO meta VALUES('schema_version'," +
         std::to_string(schema_version) + "),('next_offset',1);";
}

constexpr int first_hot_parameter = 6;
}  // namespace

base::Result<std::unique_ptr<CatalogueFile>> CatalogueFile::open(const std::string& directory) {
  auto opened = Database::open(directory + "/" + file_name, Database::Mode::kWrite);
  if (!opened.ok()) return opened.error();
  std::unique_ptr<CatalogueFile> file(new CatalogueFile);
  file->database_ = std::move(opened).value();
  Database& database = *file->database_;
  database.execute("BEGIN IMMEDIATE;" + schema() + "COMMIT");
  const int64_t version = database.integer("SELECT value FROM meta WHERE name='schema_version'");
  if (database.ok() && version != schema_version) database.fail("a newer program wrote this file");
  file->put_producer_ = database.prepare("INSERT OR REPLACE INTO producer VALUES(?,?,?,?,?)");
  file->put_open_ = database.prepare("INSERT OR REPLACE INTO open_event VALUES(?,?,?,?,?," + hot_column_marks() + ")");
  file->erase_open_ = database.prepare("DELETE FROM open_event WHERE key=?");
  file->put_dead_letter_ =
      database.prepare("INSERT OR IGNORE INTO dead_letter(producer, sequence, time, reason, bytes) VALUES(?,?,?,?,?)");
  file->set_next_offset_ = database.prepare("UPDATE meta SET value=? WHERE name='next_offset'");
  if (!database.ok()) return base::Error{database.error()};
  return file;
}

std::unordered_map<uint64_t, ProducerState> CatalogueFile::load_producers() {
  std::unordered_map<uint64_t, ProducerState> producers;
  Statement all = database_->prepare("SELECT id, source, observed_by, committed, last_seen FROM producer");
  while (all.step() == Step::kRow) {
    producers[static_cast<uint64_t>(all.integer(0))] = ProducerState{
        std::string(all.text(1)), std::string(all.text(2)), static_cast<uint64_t>(all.integer(3)), all.integer(4), 0};
  }
  return producers;
}

std::unordered_map<std::string, OpenState> CatalogueFile::load_open_events() {
  std::unordered_map<std::string, OpenState> events;
  Statement all = database_->prepare("SELECT event_id, key, revision, first_offset, producer FROM open_event");
  while (all.step() == Step::kRow) {
    events[std::string(all.text(0))] =
        OpenState{all.integer(1), static_cast<uint32_t>(all.integer(2)), static_cast<uint64_t>(all.integer(3)),
                  static_cast<uint64_t>(all.integer(4))};
  }
  return events;
}

uint64_t CatalogueFile::next_offset() {
  return static_cast<uint64_t>(database_->integer("SELECT value FROM meta WHERE name='next_offset'"));
}

uint64_t CatalogueFile::dead_letters() {
  return static_cast<uint64_t>(database_->integer("SELECT count(*) FROM dead_letter"));
}

void CatalogueFile::begin() {
  database_->execute("BEGIN IMMEDIATE");
}

void CatalogueFile::put_producer(uint64_t producer_id, const ProducerState& state) {
  put_producer_.bind(1, static_cast<int64_t>(producer_id))
      .bind(2, state.source)
      .bind(3, state.observed_by)
      .bind(4, static_cast<int64_t>(state.committed))
      .bind(5, state.last_seen)
      .run();
}

void CatalogueFile::erase_producer(uint64_t producer_id) {
  database_->execute("DELETE FROM producer WHERE id=" + std::to_string(static_cast<int64_t>(producer_id)));
}

void CatalogueFile::put_open(const OpenState& state, const events::v1::Record& record, std::string_view bytes,
                             int64_t ingested_time) {
  put_open_.bind(1, state.key)
      .bind(2, static_cast<int64_t>(state.first_offset))
      .bind(3, int64_t{state.revision})
      .bind(4, static_cast<int64_t>(state.producer_id))
      .bind_blob(5, bytes);
  bind_hot_columns(put_open_, first_hot_parameter, record, ingested_time);
  put_open_.run();
}

void CatalogueFile::erase_open(int64_t key) {
  erase_open_.bind(1, key).run();
}

void CatalogueFile::put_dead_letter(uint64_t producer_id, uint64_t sequence, int64_t time, std::string_view reason,
                                    std::string_view bytes) {
  put_dead_letter_.bind(1, static_cast<int64_t>(producer_id))
      .bind(2, static_cast<int64_t>(sequence))
      .bind(3, time)
      .bind(4, reason)
      .bind_blob(5, bytes.substr(0, dead_letter_bytes_max))
      .run();
  // The oldest go when there are too many: a broken producer must not fill the disk.
  database_->execute("DELETE FROM dead_letter WHERE number <= (SELECT max(number) FROM dead_letter) - " +
                     std::to_string(dead_letters_max));
}

void CatalogueFile::set_next_offset(uint64_t next_offset) {
  set_next_offset_.bind(1, static_cast<int64_t>(next_offset)).run();
}

base::Status CatalogueFile::commit() {
  database_->execute("COMMIT");
  if (!database_->ok()) return base::Error{database_->error()};
  return base::Unit{};
}

}  // namespace sluice::store
