#include "events/api/collector.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "events/api/limits.h"
#include "events/query/export.h"
#include "events/query/json_writer.h"
#include "proxy/base/text.h"

namespace sluice::api {

namespace v1 = events::v1;
using Clock = std::chrono::steady_clock;

namespace {

const char* word_of(CollectorKind kind) {
  return kind == CollectorKind::kPage ? "page" : "alert";
}

// As these interfaces tell errors.
HttpResponse refuse(int status, const std::string& message) {
  HttpResponse response;
  response.status = status;
  response.body = R"({"ok":0,"error":)";
  query::append_json_text(response.body, message);
  response.body += '}';
  if (status == 503) response.headers.emplace_back("Retry-After", std::to_string(retry_seconds));
  return response;
}

bool wanted(const v1::Record& record, CollectorKind kind, int64_t from_time) {
  if (!record.has_page_event()) return false;
  const v1::PageEvent& event = record.page_event();
  if (!event.primary() || event.timestamp() < from_time) return false;
  return kind == CollectorKind::kPage || event.action() == v1::VERDICT_BLOCK || event.action() == v1::VERDICT_ALERT;
}

// 0 if it does not stand there; nothing if it is no number up to `max`.
std::optional<uint64_t> number(const HttpRequest& request, const std::string& name, uint64_t otherwise, uint64_t max) {
  const std::string text = request.param(name);
  if (text.empty()) return otherwise;
  const auto value = base::parse_decimal(text);
  return value && *value <= max ? value : std::nullopt;
}

bool is_cursor_name(const std::string& name) {
  return !name.empty() && name.size() <= cursor_name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// Counts what runs while it lives.
class Running {
 public:
  explicit Running(std::atomic<size_t>& count) : count_(count), mine_(count_.fetch_add(1)) {}
  ~Running() { count_.fetch_sub(1); }
  bool too_many() const { return mine_ >= collector_pages_running_max; }

 private:
  std::atomic<size_t>& count_;
  const size_t mine_;
};
}  // namespace

struct Collector::Page {
  std::string result;  // the array's elements
  size_t records = 0;
  uint64_t reached = 0;  // everything up to here was looked at
  bool caught_up = false;
  std::string error;
};

HttpResponse Collector::data(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms) {
  const Running running(running_);
  if (running.too_many()) return refuse(503, "too many pages are read already; try again in a moment");
  constexpr uint64_t seconds_max = 253'402'300'799;  // the year 9999
  const auto start = number(request, "starttime", 0, seconds_max);
  const auto end = number(request, "endtime", 0, seconds_max);
  const auto limit = number(request, "limit", 100, collector_page_records_max);
  const auto offset = number(request, "offset", 0, collector_skip_max);
  if (!start || !end) return refuse(400, "starttime and endtime are epoch seconds");
  if (!limit) return refuse(400, "limit is at most " + std::to_string(collector_page_records_max));
  if (!offset) {
    return refuse(400, "offset is at most " + std::to_string(collector_skip_max) +
                           "; narrow starttime and endtime, or use dataexport");
  }
  v1::SearchRequest search;
  search.set_query(request.param("query"));
  if (kind == CollectorKind::kAlert) {
    search.set_query("action in (block, alert)" + (search.query().empty() ? "" : " and (" + search.query() + ")"));
  }
  search.set_start_time(static_cast<int64_t>(*start) * 1'000);
  search.set_end_time(static_cast<int64_t>(*end) * 1'000);
  const auto found = api_.collect(search, *offset + *limit);
  if (!found.ok()) {
    return refuse(found.error().code == query::QueryFault::Code::kInvalid ? 400 : 503, found.error().message);
  }
  audit_.read(caller.name, std::string("data/") + word_of(kind), search.query(), now_ms);
  HttpResponse response;
  response.body = R"({"ok":1,"result":[)";
  for (size_t i = *offset; i < found->size(); ++i) {
    if (i > *offset) response.body += ",\n";
    response.body += query::to_json((*found)[i].record());
  }
  response.body += "]}";
  return response;
}

HttpResponse Collector::iterate(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms) {
  const auto standing = limit_.take(caller.token_id + ' ' + word_of(kind), now_ms);
  HttpResponse response =
      standing.allowed ? move(request, caller, kind, now_ms) : refuse(429, "too many requests in this second");
  limit_.tell(standing, response);
  return response;
}

HttpResponse Collector::move(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms) {
  const std::string index = request.param("index");
  if (!is_cursor_name(index)) {
    return refuse(400,
                  "index must be a name of 1 to 100 letters, digits, '-', '_' or '.' that only this consumer uses");
  }
  const Running running(running_);
  if (running.too_many()) return refuse(503, "too many pages are read already; try again in a moment");
  const std::string key = std::string(word_of(kind)) + ' ' + index;
  {
    const std::lock_guard lock(mutex_);
    if (!moving_.insert(key).second) return refuse(409, "another request reads this index at the moment");
  }
  struct Leave {
    Collector& of;
    const std::string& key;
    ~Leave() {
      const std::lock_guard lock(of.mutex_);
      of.moving_.erase(key);
    }
  } const leave{*this, key};

  const std::string holder = caller.token_id + '@' + request.remote;
  store::Cursor cursor;
  const int64_t until = now_ms + std::chrono::milliseconds(cursor_lease).count();
  switch (registry_.take_cursor(index, word_of(kind), holder, now_ms, until, cursor)) {
    case store::Registry::Lease::kTaken: break;
    case store::Registry::Lease::kHeldByAnother:
      return refuse(409, "another consumer reads this index; give each consumer its own, or wait a minute");
    case store::Registry::Lease::kFailed: return refuse(503, "the place of this index cannot be written now");
  }
  const std::string operation = request.param("operation");
  std::string wrong;
  if (!place(operation, cursor, wrong)) return refuse(400, wrong);
  audit_.read(caller.name, std::string("dataexport/") + word_of(kind), index, now_ms);
  return hand_out(std::move(cursor), kind, operation == "resend", now_ms);
}

// Puts the cursor where the operation says.
bool Collector::place(const std::string& operation, store::Cursor& cursor, std::string& wrong) const {
  const uint64_t last = store_.counters().last_offset;
  if (operation == "next" || operation == "resend") return true;
  if (operation == "head") {
    cursor.offset = 0;
    cursor.from_time = 0;
    return true;
  }
  if (operation == "tail") {
    cursor.offset = last - std::min<uint64_t>(last, collector_page_records_max);
    cursor.from_time = 0;
    return true;
  }
  const auto epoch = base::parse_decimal(operation);
  if (!epoch || *epoch > 253'402'300'799) {
    wrong = "operation is next, resend, head, tail or the epoch second to begin at";
    return false;
  }
  cursor.from_time = static_cast<int64_t>(*epoch) * 1'000;
  cursor.offset = store_.offset_before(cursor.from_time);
  return true;
}

// Reads a page behind the cursor, or the last one again, and writes down the new place before it goes out.
HttpResponse Collector::hand_out(store::Cursor cursor, CollectorKind kind, bool again, int64_t now_ms) {
  const uint64_t after = again ? cursor.previous : cursor.offset;
  const int64_t from_time = again ? cursor.previous_from_time : cursor.from_time;
  const Page page = again && cursor.offset == 0 ? Page{} : read(after, again ? cursor.offset : 0, from_time, kind);
  if (!page.error.empty()) return refuse(503, page.error);
  if (!again) {
    cursor.previous = after;
    cursor.previous_from_time = from_time;
    cursor.offset = page.reached;
  }
  cursor.lease_until = now_ms + std::chrono::milliseconds(cursor_lease).count();
  if (const auto kept = registry_.put_cursor(cursor); !kept.ok()) {
    return refuse(503, "the place of this index cannot be written now");
  }
  HttpResponse response;
  response.body = R"({"ok":1,"result":[)" + page.result +
                  "],\"wait_time\":" + std::to_string(page.caught_up ? collector_wait_seconds : 0) +
                  ",\"timestamp_hwm\":" + std::to_string(now_ms / 1'000) + '}';
  return response;
}

// `until` above 0: the page that was handed out before, exactly.
Collector::Page Collector::read(uint64_t after, uint64_t until, int64_t from_time, CollectorKind kind) {
  Page page;
  page.reached = after;
  if (until > 0 && until <= after) {  // the page was empty
    page.caught_up = true;
    return page;
  }
  const auto deadline = Clock::now() + collector_budget;
  while (page.records < collector_page_records_max) {
    const auto read = store_.read(page.reached, 1'000);
    if (!read.ok()) {
      page.error = read.error().message;
      return page;
    }
    for (const v1::StoredRecord& stored : read->records) {
      if (page.records >= collector_page_records_max || (until > 0 && stored.offset() > until)) return page;
      page.reached = stored.offset();
      if (!wanted(stored.record(), kind, from_time)) continue;
      if (page.records++ > 0) page.result += ",\n";
      page.result += query::to_json(stored.record());
    }
    const bool stuck = read->next_offset <= page.reached && read->records.empty();
    page.reached = std::max(page.reached, read->next_offset);
    if (read->caught_up || stuck || (until > 0 && page.reached >= until)) {
      page.caught_up = read->caught_up || stuck;
      return page;
    }
    if (until == 0 && Clock::now() >= deadline) return page;  // the next request goes on from here
  }
  return page;
}

}  // namespace sluice::api
