#include "events/store/sqlite_db.h"

#include <sqlite3.h>

#include <utility>

#include "events/store/limits.h"

namespace sluice::store {

void Statement::Finalize::operator()(sqlite3_stmt* handle) const {
  sqlite3_finalize(handle);
}

Statement& Statement::bind(int at, int64_t value) {
  if (handle_) sqlite3_bind_int64(handle_.get(), at, value);
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  if (handle_) sqlite3_bind_text64(handle_.get(), at, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  if (handle_) sqlite3_bind_blob64(handle_.get(), at, data, bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_copy(int at, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  if (handle_) sqlite3_bind_text64(handle_.get(), at, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob_copy(int at, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  if (handle_) sqlite3_bind_blob64(handle_.get(), at, data, bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Step Statement::step() {
  if (!handle_ || !database_->ok()) return Step::kError;
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return Step::kRow;
  if (code == SQLITE_DONE) return Step::kDone;
  if (code == SQLITE_INTERRUPT) return Step::kInterrupted;
  if ((code & 0xff) == SQLITE_CONSTRAINT) return Step::kConstraint;
  database_->fail(sqlite3_sql(handle_.get()));
  return Step::kError;
}

bool Statement::run() {
  const Step result = step();
  if (result != Step::kDone && result != Step::kRow && database_ != nullptr) database_->fail("statement");
  reset();
  return result == Step::kDone || result == Step::kRow;
}

void Statement::reset() {
  if (handle_) sqlite3_reset(handle_.get());
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return {text == nullptr ? "" : text, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  return {bytes == nullptr ? "" : bytes, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

base::Result<std::unique_ptr<Database>> Database::open(const std::string& path, Mode mode) {
  // Before the first use of SQLite: its own count of memory costs a lock around each allocation.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
  std::unique_ptr<Database> database(new Database(path));
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::kWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  if (sqlite3_open_v2(path.c_str(), &database->handle_, flags, nullptr) != SQLITE_OK) {
    database->fail("open");
    return base::Error{database->error()};
  }
  sqlite3_busy_timeout(database->handle_, busy_timeout_ms);
  // What a file holds is checked like any input: it may be damaged.
  sqlite3_db_config(database->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (mode == Mode::kWrite) {
    database->execute("PRAGMA auto_vacuum=INCREMENTAL");  // of a new file
    database->execute("PRAGMA journal_mode=WAL");
    database->execute("PRAGMA synchronous=FULL");
    database->execute("PRAGMA cache_size=-" + std::to_string(write_cache_kib));
    database->execute("PRAGMA wal_autocheckpoint=" + std::to_string(wal_checkpoint_pages));
    database->execute("PRAGMA journal_size_limit=" + std::to_string(wal_bytes_kept));
  } else {
    database->execute("PRAGMA cache_size=-" + std::to_string(read_cache_kib));
    sqlite3_progress_handler(database->handle_, progress_instructions, &Database::on_progress, database.get());
  }
  if (!database->ok()) return base::Error{database->error()};
  return database;
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

Statement Database::prepare(std::string_view sql) {
  Statement statement;
  statement.database_ = this;
  if (!ok()) return statement;
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), 0, &handle, nullptr) != SQLITE_OK)
    fail(sql);
  statement.handle_.reset(handle);
  return statement;
}

void Database::execute(const std::string& sql) {
  if (!ok()) return;
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

int64_t Database::integer(const std::string& sql) {
  Statement statement = prepare(sql);
  return statement.step() == Step::kRow ? statement.integer(0) : 0;
}

void Database::fail(std::string_view what) {
  if (!ok()) return;
  const char* reason = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
  error_ = path_ + ": " + std::string(what.substr(0, 60)) + ": " + reason;
}

int Database::on_progress(void* self) {
  return std::chrono::steady_clock::now() >= static_cast<Database*>(self)->deadline_ ? 1 : 0;
}

}  // namespace sluice::store
