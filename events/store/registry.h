#pragma once
// Registry: the small things that people and consumers leave with a store: tokens, named cursors, saved queries. A
// database of its own (`registry.db`), because its writes are rare and must not wait for the writer thread's.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "events/store/sqlite_db.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::store {

namespace v1 = ::sluice::events::v1;

// Where a consumer stands. A page was *handed out* from `previous` (excluded) to `offset`; the next one begins behind
// `offset`, `resend` hands the last one out again.
struct Cursor {
  std::string name;
  std::string endpoint;  // what is read: page, alert
  uint64_t offset = 0;
  uint64_t previous = 0;
  int64_t from_time = 0;  // epoch ms: events that began earlier are left out
  int64_t previous_from_time = 0;
  std::string holder;       // who has the lease
  int64_t lease_until = 0;  // epoch ms
};

struct SavedQuery {
  std::string id;
  std::string name;
  std::string owner;    // id of the token that saved it
  std::string content;  // JSON of the console: query, range, columns
  int64_t changed_time = 0;
};

// Any thread; one at a time. Every change is on disk when the function returns.
class Registry {
 public:
  static constexpr const char* file_name = "registry.db";
  static base::Result<std::unique_ptr<Registry>> open(const std::string& directory);

  // ---- tokens; only a hash of the secret is kept
  base::Status add_token(const v1::Token& token, const std::string& secret_hash);
  std::vector<v1::Token> tokens();
  std::optional<v1::Token> find_token(const std::string& secret_hash);
  void note_use(const std::string& id, int64_t now_ms);
  // False if there is none.
  base::Result<bool> revoke_token(const std::string& id);

  // ---- cursors
  enum class Lease : uint8_t { kTaken, kHeldByAnother, kFailed };
  // The cursor, leased to `holder` until `until`, made if it is new; or why not.
  Lease take_cursor(const std::string& name, const std::string& endpoint, const std::string& holder, int64_t now_ms,
                    int64_t until, Cursor& cursor);
  base::Status put_cursor(const Cursor& cursor);
  void release_cursor(const std::string& name, const std::string& endpoint, const std::string& holder);
  std::vector<Cursor> cursors();

  // ---- saved queries
  std::vector<SavedQuery> saved_queries();
  base::Status put_saved_query(const SavedQuery& query);
  base::Result<bool> erase_saved_query(const std::string& id);

 private:
  Registry() = default;
  base::Status checked(bool done);
  std::optional<Cursor> find_cursor(const std::string& name, const std::string& endpoint);

  std::mutex mutex_;
  std::string directory_;
  std::unique_ptr<Database> database_;
};

}  // namespace sluice::store
