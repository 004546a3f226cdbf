#pragma once
// The door to SQLite: connections and prepared statements that own their handles.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::store {

class Database;

enum class Step : uint8_t { kRow, kDone, kConstraint, kInterrupted, kError };

// A prepared statement. Parameters and columns count from 1 and 0, as in SQLite. Lives no longer than its Database;
// used by the same thread.
class Statement {
 public:
  Statement() = default;
  bool prepared() const { return handle_ != nullptr; }

  // Text and blobs are borrowed until the next reset().
  Statement& bind(int at, int64_t value);
  Statement& bind(int at, std::string_view text);
  Statement& bind_blob(int at, std::string_view bytes);
  // These are copied.
  Statement& bind_copy(int at, std::string_view text);
  Statement& bind_blob_copy(int at, std::string_view bytes);

  Step step();
  // step() and reset(), for what returns no row; false if it failed (the database then says why and stays failed).
  bool run();
  void reset();

  int64_t integer(int column) const;
  std::string_view text(int column) const;  // valid until the next step() or reset()
  std::string_view blob(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  Database* database_ = nullptr;
};

// One connection. The first error sticks: later statements do nothing, so a transaction is checked once, at its commit;
// after an error the connection is thrown away. Not thread-safe; may move between threads between uses.
class Database {
 public:
  enum class Mode : uint8_t { kWrite, kRead };
  // kWrite creates the file, in WAL mode with synchronous=FULL.
  static base::Result<std::unique_ptr<Database>> open(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Statement prepare(std::string_view sql);
  void execute(const std::string& sql);
  // The first integer of the first row; 0 if there is none.
  int64_t integer(const std::string& sql);
  // Ends a running statement with kInterrupted once the time has come; no deadline until set.
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  void fail(std::string_view what);

 private:
  friend class Statement;
  explicit Database(std::string path) : path_(std::move(path)) {}
  static int on_progress(void* self);

  std::string path_;
  sqlite3* handle_ = nullptr;
  std::string error_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace sluice::store
