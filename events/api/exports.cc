#include "events/api/exports.h"

#include <cstdio>
#include <filesystem>
#include <utility>

#include "events/api/limits.h"
#include "events/query/json_writer.h"
#include "events/query/limits.h"
#include "proxy/base/text.h"

namespace sluice::api {

namespace v1 = events::v1;
namespace fs = std::filesystem;

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

class FileStream : public Stream {
 public:
  explicit FileStream(File file) : file_(std::move(file)) {}
  bool next(const Write& write) override {
    std::string piece(export_read_bytes, '\0');
    piece.resize(std::fread(piece.data(), 1, piece.size(), file_.get()));
    return !piece.empty() && write(piece);
  }

 private:
  const File file_;
};

const char* word_of(ExportJob::State state) {
  switch (state) {
    case ExportJob::State::kWaiting: return "waiting";
    case ExportJob::State::kRunning: return "running";
    case ExportJob::State::kDone: return "done";
    case ExportJob::State::kFailed: return "failed";
  }
  return "";
}
}  // namespace

query::Answer<std::vector<const store::Field*>> columns_of(const v1::ExportRequest& request) {
  std::vector<const store::Field*> columns;
  for (const std::string& name : request.columns()) {
    const store::Field* field = store::find_field(name);
    if (field == nullptr) {
      return query::QueryFault{query::QueryFault::Code::kInvalid, "there is no field \"" + name + '"', std::nullopt};
    }
    columns.push_back(field);
  }
  return columns;
}

v1::SearchRequest search_of(const v1::ExportRequest& request) {
  v1::SearchRequest search;
  search.set_query(request.query());
  search.set_start_time(request.start_time());
  search.set_end_time(request.end_time());
  search.set_view(request.view());
  search.set_finals_only(true);
  return search;
}

std::string job_json(const ExportJob& job) {
  query::JsonWriter json;
  json.text("id", job.id);
  json.text("state", word_of(job.state));
  json.number("records", static_cast<int64_t>(job.records));
  json.number("bytes", static_cast<int64_t>(job.bytes));
  json.number("created_time", job.created_time);
  json.text("format", job.request.format().empty() ? "ndjson" : job.request.format());
  json.text("error", job.error);
  return json.take();
}

Exports::Exports(query::QueryApi& api, std::string directory) : api_(api), directory_(std::move(directory)) {
  std::error_code ignored;  // a folder that cannot be made fails the first export with its reason
  fs::remove_all(directory_, ignored);
  fs::create_directories(directory_, ignored);
  worker_ = std::thread([this] { run(); });
}

Exports::~Exports() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

std::optional<std::string> Exports::start(const std::string& owner, const v1::ExportRequest& request, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  forget_old(now_ms);
  if (jobs_.size() >= exports_kept_max) return std::nullopt;
  ExportJob job;
  job.id = base::hex16(base::random_u64()) + base::hex16(base::random_u64());
  job.owner = owner;
  job.request = request;
  if (job.request.end_time() == 0) job.request.set_end_time(now_ms);
  job.created_time = now_ms;
  const std::string id = job.id;
  jobs_.emplace(id, std::move(job));
  changed_.notify_all();
  return id;
}

std::optional<ExportJob> Exports::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? std::nullopt : std::optional(found->second);
}

std::unique_ptr<Stream> Exports::read(const std::string& id) {
  File file(std::fopen(path(id).c_str(), "re"));
  return file ? std::make_unique<FileStream>(std::move(file)) : nullptr;
}

// With the mutex held.
void Exports::forget_old(int64_t now_ms) {
  const int64_t kept_ms = std::chrono::milliseconds(export_kept).count();
  std::erase_if(jobs_, [&](const auto& entry) {
    const ExportJob& job = entry.second;
    const bool over = job.state == ExportJob::State::kDone || job.state == ExportJob::State::kFailed;
    if (!over || now_ms - job.created_time < kept_ms) return false;
    std::error_code ignored;
    fs::remove(path(job.id), ignored);
    return true;
  });
}

void Exports::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    auto next = jobs_.end();
    changed_.wait(lock, [&] {
      next = jobs_.end();
      for (auto at = jobs_.begin(); at != jobs_.end(); ++at) {
        const bool earlier = next == jobs_.end() || at->second.created_time < next->second.created_time;
        if (at->second.state == ExportJob::State::kWaiting && earlier) next = at;
      }
      return stopping_ || next != jobs_.end();
    });
    if (stopping_) return;
    next->second.state = ExportJob::State::kRunning;
    const ExportJob job = next->second;
    lock.unlock();
    make(job);
    lock.lock();
  }
}

void Exports::make(const ExportJob& job) {
  uint64_t records = 0;
  uint64_t bytes = 0;
  const auto tell = [&](ExportJob::State state, const std::string& why) {
    const std::lock_guard lock(mutex_);
    ExportJob& of = jobs_.at(job.id);
    of.state = state;
    of.records = records;
    of.bytes = bytes;
    of.error = why;
    return !stopping_;
  };
  const auto columns = columns_of(job.request);
  const auto format = columns.ok() ? ExportFormat::named(job.request.format(), *columns) : std::nullopt;
  File file(std::fopen(path(job.id).c_str(), "wxe"));
  if (!format || !file) {
    tell(ExportJob::State::kFailed, "the file cannot be written");
    return;
  }
  const auto put = [&](const std::string& text) {
    bytes += text.size();
    return std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  };
  bool written = put(format->begin());
  v1::SearchRequest request = search_of(job.request);
  request.set_page_size(query::page_size_max);
  while (written) {
    const auto page = api_.search(request);
    if (!page.ok()) {
      tell(ExportJob::State::kFailed, page.error().message);
      return;
    }
    for (const v1::StoredRecord& stored : page->records()) {
      written = written && put(format->record(stored.record(), records == 0));
      ++records;
    }
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
    if (bytes > export_file_bytes_max) {
      tell(ExportJob::State::kFailed, "the file would pass 4 GiB; narrow the query or its range");
      return;
    }
    if (!tell(ExportJob::State::kRunning, "")) return;
  }
  written = written && put(format->end()) && std::fflush(file.get()) == 0;
  tell(written ? ExportJob::State::kDone : ExportJob::State::kFailed, written ? "" : "the disk did not take the file");
}

}  // namespace sluice::api
