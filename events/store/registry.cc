#include "events/store/registry.h"

#include <algorithm>
#include <utility>

#include "events/store/limits.h"

namespace sluice::store {
namespace {

constexpr int schema_version = 1;

std::string schema() {
  return "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE IF NOT EXISTS token(id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL,"
         " created INTEGER NOT NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE);"
         "CREATE TABLE IF NOT EXISTS cursor(name TEXT NOT NULL, endpoint TEXT NOT NULL, at INTEGER NOT NULL,"
         " previous INTEGER NOT NULL, from_time INTEGER NOT NULL, previous_from_time INTEGER NOT NULL,"
         " holder TEXT NOT NULL, lease_until INTEGER NOT NULL, PRIMARY KEY(name, endpoint)) WITHOUT ROWID;"
         "CREATE TABLE IF NOT EXISTS saved_query(id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL,"
         " content TEXT NOT NULL, changed INTEGER NOT NULL);"
         "INSERT OR IGNORE INTO meta VALUES('schema_version'," +
         std::to_string(schema_version) + ");";
}

std::string joined(const v1::Token& token) {
  std::string text;
  for (const std::string& scope : token.scopes()) text += (text.empty() ? "" : " ") + scope;
  return text;
}

v1::Token token_of(const Statement& row) {
  v1::Token token;
  token.set_id(std::string(row.text(0)));
  token.set_name(std::string(row.text(1)));
  std::string_view scopes = row.text(2);
  while (!scopes.empty()) {
    const size_t end = std::min(scopes.find(' '), scopes.size());
    token.add_scopes(std::string(scopes.substr(0, end)));
    scopes.remove_prefix(std::min(end + 1, scopes.size()));
  }
  token.set_created_time(row.integer(3));
  token.set_expires_time(row.integer(4));
  token.set_last_used_time(row.integer(5));
  return token;
}

Cursor cursor_of(const Statement& row) {
  return {std::string(row.text(0)),
          std::string(row.text(1)),
          static_cast<uint64_t>(row.integer(2)),
          static_cast<uint64_t>(row.integer(3)),
          row.integer(4),
          row.integer(5),
          std::string(row.text(6)),
          row.integer(7)};
}

constexpr const char* token_columns = "SELECT id, name, scopes, created, expires, last_used FROM token";
constexpr const char* cursor_columns =
    "SELECT name, endpoint, at, previous, from_time, previous_from_time, holder, lease_until FROM cursor";
}  // namespace

base::Result<std::unique_ptr<Registry>> Registry::open(const std::string& directory) {
  std::unique_ptr<Registry> registry(new Registry);
  registry->directory_ = directory;
  auto database = Database::open(directory + "/" + file_name, Database::Mode::kWrite);
  if (!database.ok()) return database.error();
  registry->database_ = std::move(database).value();
  registry->database_->execute("BEGIN IMMEDIATE;" + schema() + "COMMIT");
  const int64_t version = registry->database_->integer("SELECT value FROM meta WHERE name='schema_version'");
  if (registry->database_->ok() && version != schema_version) registry->database_->fail("a newer program wrote this");
  if (!registry->database_->ok()) return base::Error{registry->database_->error()};
  return registry;
}

// The first error of a connection sticks, so a failed one is replaced.
base::Status Registry::checked(bool done) {
  if (done && database_->ok()) return base::Unit{};
  base::Error error{database_->ok() ? "the change was refused" : database_->error()};
  if (!database_->ok()) {
    auto fresh = Database::open(directory_ + "/" + file_name, Database::Mode::kWrite);
    if (fresh.ok()) database_ = std::move(fresh).value();
  }
  return error;
}

base::Status Registry::add_token(const v1::Token& token, const std::string& secret_hash) {
  const std::lock_guard lock(mutex_);
  const std::string scopes = joined(token);
  Statement insert = database_->prepare("INSERT INTO token VALUES(?,?,?,?,?,0,?)");
  insert.bind(1, std::string_view(token.id()))
      .bind(2, std::string_view(token.name()))
      .bind(3, std::string_view(scopes))
      .bind(4, token.created_time())
      .bind(5, token.expires_time())
      .bind(6, std::string_view(secret_hash));
  return checked(insert.run());
}

std::vector<v1::Token> Registry::tokens() {
  const std::lock_guard lock(mutex_);
  std::vector<v1::Token> tokens;
  Statement all = database_->prepare(std::string(token_columns) + " ORDER BY created");
  while (all.step() == Step::kRow) tokens.push_back(token_of(all));
  return tokens;
}

std::optional<v1::Token> Registry::find_token(const std::string& secret_hash) {
  const std::lock_guard lock(mutex_);
  Statement found = database_->prepare(std::string(token_columns) + " WHERE hash=?");
  found.bind(1, std::string_view(secret_hash));
  if (found.step() != Step::kRow) return std::nullopt;
  return token_of(found);
}

void Registry::note_use(const std::string& id, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Statement update = database_->prepare("UPDATE token SET last_used=? WHERE id=?");
  static_cast<void>(checked(update.bind(1, now_ms).bind(2, std::string_view(id)).run()));
}

base::Result<bool> Registry::revoke_token(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement erase = database_->prepare("DELETE FROM token WHERE id=? RETURNING 1");
  const Step step = erase.bind(1, std::string_view(id)).step();
  erase.reset();
  if (base::Status status = checked(step == Step::kRow || step == Step::kDone); !status.ok()) return status.error();
  return step == Step::kRow;
}

std::optional<Cursor> Registry::find_cursor(const std::string& name, const std::string& endpoint) {
  Statement found = database_->prepare(std::string(cursor_columns) + " WHERE name=? AND endpoint=?");
  found.bind(1, std::string_view(name)).bind(2, std::string_view(endpoint));
  if (found.step() != Step::kRow) return std::nullopt;
  return cursor_of(found);
}

Registry::Lease Registry::take_cursor(const std::string& name, const std::string& endpoint, const std::string& holder,
                                      int64_t now_ms, int64_t until, Cursor& cursor) {
  const std::lock_guard lock(mutex_);
  if (auto found = find_cursor(name, endpoint)) {
    cursor = std::move(*found);
  } else {
    cursor = Cursor{};
    cursor.name = name;
    cursor.endpoint = endpoint;
  }
  if (cursor.holder != holder && cursor.lease_until > now_ms) return Lease::kHeldByAnother;
  cursor.holder = holder;
  cursor.lease_until = until;
  Statement put = database_->prepare(
      "INSERT INTO cursor VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET holder=excluded.holder,"
      " lease_until=excluded.lease_until");
  put.bind(1, std::string_view(cursor.name))
      .bind(2, std::string_view(cursor.endpoint))
      .bind(3, static_cast<int64_t>(cursor.offset))
      .bind(4, static_cast<int64_t>(cursor.previous))
      .bind(5, cursor.from_time)
      .bind(6, cursor.previous_from_time)
      .bind(7, std::string_view(cursor.holder))
      .bind(8, cursor.lease_until);
  return checked(put.run()).ok() ? Lease::kTaken : Lease::kFailed;
}

base::Status Registry::put_cursor(const Cursor& cursor) {
  const std::lock_guard lock(mutex_);
  Statement put = database_->prepare(
      "UPDATE cursor SET at=?, previous=?, from_time=?, previous_from_time=?, lease_until=?"
      " WHERE name=? AND endpoint=? AND holder=?");
  put.bind(1, static_cast<int64_t>(cursor.offset))
      .bind(2, static_cast<int64_t>(cursor.previous))
      .bind(3, cursor.from_time)
      .bind(4, cursor.previous_from_time)
      .bind(5, cursor.lease_until)
      .bind(6, std::string_view(cursor.name))
      .bind(7, std::string_view(cursor.endpoint))
      .bind(8, std::string_view(cursor.holder));
  return checked(put.run());
}

void Registry::release_cursor(const std::string& name, const std::string& endpoint, const std::string& holder) {
  const std::lock_guard lock(mutex_);
  Statement put = database_->prepare("UPDATE cursor SET lease_until=0 WHERE name=? AND endpoint=? AND holder=?");
  put.bind(1, std::string_view(name)).bind(2, std::string_view(endpoint)).bind(3, std::string_view(holder));
  static_cast<void>(checked(put.run()));
}

std::vector<Cursor> Registry::cursors() {
  const std::lock_guard lock(mutex_);
  std::vector<Cursor> cursors;
  Statement all = database_->prepare(std::string(cursor_columns) + " ORDER BY name, endpoint");
  while (all.step() == Step::kRow) cursors.push_back(cursor_of(all));
  return cursors;
}

std::vector<SavedQuery> Registry::saved_queries() {
  const std::lock_guard lock(mutex_);
  std::vector<SavedQuery> queries;
  Statement all = database_->prepare("SELECT id, name, owner, content, changed FROM saved_query ORDER BY name");
  while (all.step() == Step::kRow) {
    queries.push_back({std::string(all.text(0)), std::string(all.text(1)), std::string(all.text(2)),
                       std::string(all.text(3)), all.integer(4)});
  }
  return queries;
}

base::Status Registry::put_saved_query(const SavedQuery& query) {
  const std::lock_guard lock(mutex_);
  Statement put = database_->prepare("INSERT OR REPLACE INTO saved_query VALUES(?,?,?,?,?)");
  put.bind(1, std::string_view(query.id))
      .bind(2, std::string_view(query.name))
      .bind(3, std::string_view(query.owner))
      .bind(4, std::string_view(query.content))
      .bind(5, query.changed_time);
  return checked(put.run());
}

base::Result<bool> Registry::erase_saved_query(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement erase = database_->prepare("DELETE FROM saved_query WHERE id=? RETURNING 1");
  const Step step = erase.bind(1, std::string_view(id)).step();
  erase.reset();
  if (base::Status status = checked(step == Step::kRow || step == Step::kDone); !status.ok()) return status.error();
  return step == Step::kRow;
}

}  // namespace sluice::store
