#include "events/store/search.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "events/store/event_key.h"
#include "events/store/filter.h"
#include "events/store/hot_column.h"
#include "events/store/limits.h"

namespace sluice::store {

using Clock = std::chrono::steady_clock;

namespace {
constexpr const char* select_finals = "SELECT key, store_offset, event_id||row_id FROM final WHERE ";
constexpr const char* newest_first = " ORDER BY key DESC LIMIT ?";
}  // namespace

Search::Search(ReaderPool& pool, const StoreView& view, std::string catalogue_path, const SearchQuery& query)
    : pool_(pool),
      view_(view),
      catalogue_path_(std::move(catalogue_path)),
      query_(query),
      limit_(std::clamp<uint32_t>(query.limit, 1, search_records_max)),
      deadline_(Clock::now() + query.budget),
      narrowing_(query.page_events_only ? query.filter : nullptr) {}

base::Result<SearchPage, ReadError> Search::run() {
  if (!place()) {
    return ReadError{ReadError::Code::kBadToken, "the page token does not belong to this query"};
  }
  build_sql();
  int64_t span = first_span();
  while (upper_ > lower_ && page_.records.size() < limit_ && page_bytes_ < page_bytes_max) {
    const int64_t newest = newest_key_below(upper_);
    if (newest < lower_ || !error_.empty()) {
      upper_ = lower_;
      break;
    }
    upper_ = std::min(upper_, newest + 1);
    const auto started = Clock::now();
    if (started >= deadline_) {
      page_.partial = true;
      break;
    }
    look(std::max(lower_, upper_ - std::min(span, upper_)), upper_);
    if (!error_.empty() || out_of_time_) break;
    const auto took = Clock::now() - started;
    if (took < search_window_short) span = std::min(span * 2, key_end / 2);
    if (took > search_window_long) span = std::max(span / 2, key_floor(1));
  }
  if (!error_.empty()) return ReadError{ReadError::Code::kUnavailable, error_};
  page_.partial = page_.partial || out_of_time_;
  if (upper_ > lower_) page_.next_page_token = to_text({query_.fingerprint, snapshot_, upper_});
  return std::move(page_);
}

// Where this page begins and ends; false for a foreign token.
bool Search::place() {
  snapshot_ = view_.published();
  lower_ = query_.start_time > 0 ? key_floor(query_.start_time) : 0;
  upper_ = query_.end_time > 0 ? key_floor(query_.end_time) : key_end;
  if (query_.page_token.empty()) return true;
  const auto token = parse_page_token(query_.page_token);
  if (!token || token->fingerprint != query_.fingerprint) return false;
  snapshot_ = token->snapshot;
  upper_ = std::min(upper_, token->before_key);
  return true;
}

void Search::build_sql() {
  condition_ = "key >= ? AND key < ? AND first_offset <= ?";
  if (query_.page_events_only) condition_ += " AND record_type = 1";
  if (query_.primary_only)
    condition_ += query_.page_events_only ? " AND \"primary\" = 1" : " AND (\"primary\" = 1 OR record_type <> 1)";
  if (query_.filter != nullptr) {
    SqlCondition filter = to_sql(*query_.filter, is_hot_column);
    condition_ += " AND (" + filter.text + ")";
    values_ = std::move(filter.values);
    exact_ = filter.exact;
    indexed_ = is_indexed(query_.filter);
  }
}

// Open events first: one that is closed meanwhile is then found among the finals.
int64_t Search::newest_key_below(int64_t key) {
  int64_t newest = -1;
  if (Source* open = query_.finals_only ? nullptr : source(catalogue_path_, 0, true)) {
    Statement statement = open->reader->database().prepare("SELECT max(key) FROM open_event WHERE key < ?");
    if (statement.bind(1, key).step() == Step::kRow && statement.integer(0) > 0) newest = statement.integer(0);
    if (!open->reader->database().ok()) fail(open->reader->database().error());
  }
  for (const DayInfo& day : view_.days()) {
    if (day.rows > 0 && day.min_key < key) newest = std::max(newest, std::min(day.max_key, key - 1));
  }
  return newest;
}

// So long that it holds about search_window_rows of the newest day.
int64_t Search::first_span() {
  const Days days = view_.days();
  for (auto day = days.rbegin(); day != days.rend(); ++day) {
    if (day->rows == 0 || day->min_key >= upper_) continue;
    const int64_t range = key_time(day->max_key) - key_time(day->min_key) + 1;
    const double share = std::min(1.0, double(search_window_rows) / static_cast<double>(day->rows));
    return key_floor(static_cast<int64_t>(static_cast<double>(range) * share) + 1);
  }
  return key_floor(day_ms);
}

// Answers the keys from `low` to below `high` and moves upper_ down accordingly.
void Search::look(int64_t low, int64_t high) {
  hits_.clear();
  trusted_from_ = low;
  const auto wanted = static_cast<int64_t>(limit_ - page_.records.size());
  std::erase_if(sources_, [&](const auto& entry) { return entry.second.min_key >= high; });
  if (Source* open = query_.finals_only ? nullptr : source(catalogue_path_, 0, true)) {
    look_into(*open, open->statement, true, {low, high, std::nullopt}, {}, wanted);
  }
  for (const DayInfo& day : view_.days()) {
    if (day.rows == 0 || day.min_key >= high || day.max_key < low) continue;
    if (Source* found = source(day.path, day.min_key, false)) look_into(*found, day, low, high, wanted);
  }
  if (error_.empty()) take_hits();
}

// One slot of an index, or stretch of minutes, after the other, newest first, until there is enough.
void Search::look_into(Source& source, const DayInfo& day, int64_t low, int64_t high, int64_t wanted) {
  Narrowed rows;
  if (indexed_) {
    rows.stretches = stretches(day.day, std::max(low, day.min_key), std::min(high, day.max_key + 1));
  } else {
    rows = narrowing_.rows(day, source.reader->database(), low, high);
  }
  Statement listed;
  if (rows.field != nullptr) {
    listed = source.reader->database().prepare(std::string(select_finals) + indexed_slot + condition_ + " AND " +
                                               rows.condition() + newest_first);
  }
  int64_t found = 0;
  for (const KeyStretch& stretch : rows.stretches) {
    found +=
        stretch.slot && rows.field != nullptr
            ? look_into(source, listed, false, stretch, rows.values, wanted - found)
            : look_into(source, stretch.slot ? source.in_slot : source.statement, false, stretch, {}, wanted - found);
    if (found >= wanted || out_of_time_ || !error_.empty()) return;
  }
}

// Returns how many hits there were, at most `wanted`.
int64_t Search::look_into(Source& source, Statement& statement, bool open_events, const KeyStretch& stretch,
                          const std::vector<ColumnValue>& listed, int64_t wanted) {
  int at = 1;
  if (stretch.slot) statement.bind(at++, *stretch.slot);
  statement.bind(at, stretch.low).bind(at + 1, stretch.high).bind(at + 2, static_cast<int64_t>(snapshot_));
  bind_values(statement, at + 3, values_);
  bind_values(statement, at + 3 + static_cast<int>(values_.size()), listed);
  // Rows that the condition lets through and the filter does not are only known here.
  statement.bind(at + 3 + static_cast<int>(values_.size() + listed.size()), exact_ ? wanted : -1);
  int64_t reached = stretch.high;
  int64_t found = 0;
  Step step = Step::kDone;
  while (found < wanted && (step = statement.step()) == Step::kRow) {
    Hit hit;
    hit.key = statement.integer(0);
    hit.offset = static_cast<uint64_t>(statement.integer(1));
    hit.id = statement.text(2);
    hit.reader = &*source.reader;
    reached = hit.key;
    if (accepts(hit, statement, open_events)) {
      hits_.push_back(std::move(hit));
      ++found;
    }
    if (!exact_ && Clock::now() >= deadline_) {
      step = Step::kInterrupted;
      break;
    }
  }
  statement.reset();
  if (step == Step::kInterrupted) {
    out_of_time_ = true;
    trusted_from_ = std::max(trusted_from_, reached);
  }
  if (step == Step::kError) fail(source.reader->database().error());
  return found;
}

Search::Source* Search::source(const std::string& path, int64_t min_key, bool open_events) {
  if (const auto found = sources_.find(path); found != sources_.end()) return &found->second;
  auto lease = pool_.lease(path);
  if (!lease.ok()) {
    if (open_events || view_.knows(path)) fail(lease.error().message);
    return nullptr;
  }
  Database& database = (*lease)->database();
  database.set_deadline(deadline_);
  Statement statement = database.prepare(
      open_events ? "SELECT key, 0, event_id, record, ingested_time FROM open_event WHERE " + condition_ + newest_first
                  : select_finals + condition_ + newest_first);
  Statement in_slot;
  if (indexed_ && !open_events) {
    in_slot = database.prepare(std::string(select_finals) + indexed_slot + condition_ + newest_first);
  }
  if (!database.ok()) {
    fail(database.error());
    return nullptr;
  }
  return &sources_.emplace(path, Source{std::move(lease).value(), std::move(statement), std::move(in_slot), min_key})
              .first->second;
}

bool Search::accepts(Hit& hit, Statement& row, bool open_events) {
  if (open_events) {
    const std::string_view bytes = row.blob(3);
    v1::Record& record = *hit.record.mutable_record();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      fail("an open event in the catalogue is damaged");
      return false;
    }
    record.mutable_page_event()->set_ingested_time(row.integer(4));
    hit.decoded = true;
  }
  if (exact_) return true;
  return decode(hit) && matches(*query_.filter, hit.record.record());
}

// False if the record cannot be read; the search has then failed.
bool Search::decode(Hit& hit) {
  if (hit.decoded) return true;
  auto block = hit.reader->block_of(hit.offset);
  if (!block.ok()) {
    fail(block.error().message);
    return false;
  }
  if (!(*block)->parse(hit.offset, *hit.record.mutable_record())) {
    fail("a stored record is damaged");
    return false;
  }
  hit.record.set_offset(hit.offset);
  hit.decoded = true;
  return true;
}

// Moves the newest hits into the page, at most as many as it takes, and only what no interrupted source could precede.
void Search::take_hits() {
  // Of an event that was closed between two reads the final comes first and stays.
  std::sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) {
    return std::tie(b.key, b.id, b.offset) < std::tie(a.key, a.id, a.offset);
  });
  hits_.erase(std::unique(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.id == b.id; }),
              hits_.end());
  // No deadline for decoding what was found: it is bounded by the page.
  for (auto& [path, source] : sources_) source.reader->database().set_deadline(Clock::time_point::max());
  upper_ = trusted_from_;
  for (size_t i = 0; i < hits_.size() && hits_[i].key >= trusted_from_; ++i) {
    const bool full = page_.records.size() >= limit_ || page_bytes_ >= page_bytes_max;
    if (full && hits_[i].key != hits_[i - 1].key) {  // equal keys are never parted
      upper_ = hits_[i - 1].key;
      break;
    }
    if (!decode(hits_[i])) return;
    page_bytes_ += hits_[i].record.ByteSizeLong();
    page_.records.push_back(std::move(hits_[i].record));
  }
  const bool full = page_.records.size() >= limit_;
  if (full && upper_ == trusted_from_ && !hits_.empty()) {
    // A source stopped at its limit, so below the last record taken anything may follow.
    const auto last = std::find_if(hits_.rbegin(), hits_.rend(), [&](const Hit& h) { return h.key >= trusted_from_; });
    if (last != hits_.rend()) upper_ = last->key;
  }
  for (auto& [path, source] : sources_) source.reader->database().set_deadline(deadline_);
}

void Search::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

}  // namespace sluice::store
