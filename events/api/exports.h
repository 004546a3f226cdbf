#pragma once
// Exports: large results as files, made one after the other in the background, kept for a day beside the store.
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "events/api/export_format.h"
#include "events/api/http.h"
#include "events/query/query_api.h"

namespace sluice::api {

struct ExportJob {
  enum class State : uint8_t { kWaiting, kRunning, kDone, kFailed };
  std::string id;
  std::string owner;  // id of the token that asked
  events::v1::ExportRequest request;
  State state = State::kWaiting;
  uint64_t records = 0;
  uint64_t bytes = 0;
  int64_t created_time = 0;
  std::string error;
};

// Any thread. Borrows the API; one thread of its own makes the files.
class Exports {
 public:
  // What an earlier run left in the folder is deleted.
  Exports(query::QueryApi& api, std::string directory);
  ~Exports();

  // The job's id; nothing if exports_kept_max are kept already.
  std::optional<std::string> start(const std::string& owner, const events::v1::ExportRequest& request, int64_t now_ms);
  std::optional<ExportJob> find(const std::string& id);
  // The file of a job that is done, piece by piece.
  std::unique_ptr<Stream> read(const std::string& id);

 private:
  void run();
  void make(const ExportJob& job);
  void forget_old(int64_t now_ms);
  std::string path(const std::string& id) const { return directory_ + "/" + id; }

  query::QueryApi& api_;
  const std::string directory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, ExportJob> jobs_;
  bool stopping_ = false;
  std::thread worker_;
};

// The fields that a request names for CSV; the error names the one that does not exist.
query::Answer<std::vector<const store::Field*>> columns_of(const events::v1::ExportRequest& request);
events::v1::SearchRequest search_of(const events::v1::ExportRequest& request);
std::string job_json(const ExportJob& job);

}  // namespace sluice::api
