#include "events/store/committer.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "events/store/hot_column.h"
#include "events/store/limits.h"
#include "proxy/base/assert.h"

namespace sluice::store {

namespace fs = std::filesystem;

namespace {
// The day of a file made by DayFile::file_name; nullopt for any other name.
std::optional<int64_t> day_of_file(const std::string& name) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int end = 0;
  if (std::sscanf(name.c_str(), "day-%4d-%2u-%2u.db%n", &year, &month, &day, &end) != 3) return std::nullopt;
  if (static_cast<size_t>(end) != name.size()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date}.time_since_epoch().count();
}
}  // namespace

Committer::Committer(std::string directory, StoreView& view, Hook hook)
    : directory_(std::move(directory)), view_(view), hook_(std::move(hook)) {}

base::Result<std::unique_ptr<Committer>> Committer::open(const std::string& directory, StoreView& view, Hook hook) {
  std::unique_ptr<Committer> committer(new Committer(directory, view, std::move(hook)));
  if (base::Status status = committer->load(); !status.ok()) return status.error();
  return committer;
}

base::Status Committer::load() {
  auto catalogue = CatalogueFile::open(directory_);
  if (!catalogue.ok()) return catalogue.error();
  catalogue_ = std::move(catalogue).value();
  producers_ = catalogue_->load_producers();
  open_events_ = catalogue_->load_open_events();
  dead_letters_ = catalogue_->dead_letters();
  const uint64_t catalogue_offset = std::max<uint64_t>(catalogue_->next_offset(), 1);
  if (!catalogue_->ok()) return base::Error{catalogue_->error()};
  next_offset_ = catalogue_offset;
  for (const auto& [id, state] : open_events_) {
    open_keys_[state.key] = id;
    if (const auto owner = producers_.find(state.producer_id); owner != producers_.end()) ++owner->second.open_events;
  }

  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    const auto day = day_of_file(entry->path().filename().string());
    if (!day) continue;
    auto file = DayFile::open(directory_, *day);
    if (!file.ok()) return file.error();
    const DayInfo& info = (*file)->info();
    days_[*day] = info;
    next_offset_ = std::max(next_offset_, info.last_offset + 1);
    // Written after the catalogue was: rows that nobody acknowledged.
    bool in_doubt = info.rows > 0 && info.last_offset >= catalogue_offset;
    for (const auto& [producer_id, sequence] : (*file)->all_applied()) {
      const auto known = producers_.find(producer_id);
      if (known != producers_.end() && sequence <= known->second.committed) continue;
      uint64_t& until = doubt_[producer_id];
      until = std::max(until, sequence);
      in_doubt = true;
    }
    if (in_doubt) doubt_days_.push_back(*day);
  }
  if (error) return base::Error{directory_ + ": cannot list the store's directory: " + error.message()};
  publish_days();
  return base::Unit{};
}

base::Status Committer::commit(std::vector<WriteItem>& items, int64_t now_ms) {
  group_ = Group{};
  counts_ = CommitCounts{};
  now_ms_ = now_ms;
  status_ = base::Unit{};
  for (WriteItem& item : items) {
    if (auto* append = std::get_if<PendingAppend>(&item)) {
      take_batch(*append);
    } else {
      take_hello(std::get<PendingHello>(item));
    }
  }
  if (!status_.ok()) return status_;
  if (group_.producers.empty()) return base::Unit{};
  if (hook_) hook_(CommitPoint::kBeforeDays);
  if (base::Status status = write_days(); !status.ok()) return status;
  if (hook_) hook_(CommitPoint::kAfterDays);
  if (base::Status status = write_catalogue(); !status.ok()) return status;
  if (hook_) hook_(CommitPoint::kAfterCatalogue);
  for (auto& [id, state] : group_.producers) {
    producers_[id] = std::move(state);
    if (const auto doubt = doubt_.find(id); doubt != doubt_.end() && producers_[id].committed >= doubt->second) {
      doubt_.erase(doubt);
    }
  }
  return base::Unit{};
}

// The state that this group works on, made at first sight; null (and a result) if it is somebody else's.
ProducerState* Committer::producer(uint64_t id, const std::string& source, const std::string& observed_by,
                                   AppendResult& result) {
  auto at = group_.producers.find(id);
  if (at == group_.producers.end()) {
    const auto known = producers_.find(id);
    if (known != producers_.end() && known->second.source != source) {
      result = {AppendResult::Code::kForbidden, 0, 0, "the producer_id belongs to another source"};
      return nullptr;
    }
    ProducerState state = known != producers_.end() ? known->second : ProducerState{source, observed_by, 0, 0, 0};
    at = group_.producers.emplace(id, std::move(state)).first;
  } else if (at->second.source != source) {
    result = {AppendResult::Code::kForbidden, 0, 0, "the producer_id belongs to another source"};
    return nullptr;
  }
  ProducerState& state = at->second;
  if (!observed_by.empty()) state.observed_by = observed_by;
  state.last_seen = now_ms_;
  return &state;
}

void Committer::take_batch(PendingAppend& item) {
  const Batch& batch = item.batch;
  ProducerState* state = producer(batch.producer_id, batch.source, batch.observed_by, item.result);
  if (state == nullptr) return;
  const uint64_t end = batch.first_seq + batch.records.size();  // one past the last
  if (batch.first_seq > state->committed + 1) {
    item.result = {AppendResult::Code::kOutOfRange, state->committed, 0, "records before this batch are missing"};
    return;
  }
  if (end <= state->committed + 1) {
    ++counts_.duplicate_batches;
  } else {
    for (size_t at = static_cast<size_t>(state->committed + 1 - batch.first_seq); at < batch.records.size(); ++at) {
      take_record(batch, at);
    }
    state->committed = end - 1;
  }
  item.result = {AppendResult::Code::kCommitted, state->committed, 0, {}};
}

void Committer::take_hello(PendingHello& item) {
  const ProducerHello& hello = item.hello;
  ProducerState* state = producer(hello.producer_id, hello.source, hello.observed_by, item.result);
  if (state == nullptr) return;
  item.result = {AppendResult::Code::kCommitted, state->committed, 0, {}};
}

void Committer::take_record(const Batch& batch, size_t at) {
  const IncomingRecord& record = batch.records[at];
  const uint64_t sequence = batch.first_seq + at;
  switch (record.kind) {
    case IncomingRecord::Kind::kEmpty: return;
    case IncomingRecord::Kind::kOpen: take_open(batch, record, sequence); return;
    case IncomingRecord::Kind::kFinal: take_final(*record.record, record.bytes, batch.producer_id, sequence); return;
    case IncomingRecord::Kind::kPoison: group_.dead_letters.push_back({batch.producer_id, sequence, &record}); return;
  }
}

void Committer::take_open(const Batch& batch, const IncomingRecord& record, uint64_t sequence) {
  const events::v1::PageEvent& event = record.record->page_event();
  if (group_.finals.contains(event.event_id())) return;
  auto change = group_.opens.find(event.event_id());
  if (change == group_.opens.end()) {
    OpenChange fresh;
    if (const auto known = open_events_.find(event.event_id()); known != open_events_.end()) {
      fresh.state = known->second;
      fresh.known = true;
    } else {
      fresh.state = OpenState{key_of(event.timestamp(), event.event_id()), 0, 0, batch.producer_id};
      const int64_t day = day_of(event.timestamp(), now_ms_, day_clamp_ms);
      if (const auto file = days_.find(day);
          file != days_.end() && key_time(fresh.state.key) <= key_time(file->second.max_key)) {
        auto writer = day_file(day);
        if (!writer.ok()) {
          status_ = writer.error();
          return;
        }
        if ((*writer)->contains(fresh.state.key, event.event_id())) return;  // its final was here before
      }
      if (group_.producers.at(batch.producer_id).open_events >= open_events_per_producer_max) {
        group_.dead_letters.push_back({batch.producer_id, sequence, &record});
        return;
      }
    }
    change = group_.opens.emplace(event.event_id(), std::move(fresh)).first;
  }
  if (event.revision() <= change->second.state.revision && (change->second.known || change->second.record != nullptr)) {
    return;
  }
  change->second.state.revision = event.revision();
  change->second.record = &record;
}

void Committer::take_final(const events::v1::Record& record, std::string_view bytes, uint64_t producer_id,
                           uint64_t sequence) {
  FinalRow row;
  row.record = &record;
  row.bytes = bytes;
  row.producer_id = producer_id;
  row.sequence = sequence;
  if (record.has_page_event()) {
    row.id = record.page_event().event_id();
  } else {
    row.id = group_.own_ids.emplace_back(record_id(producer_id, sequence));
  }
  const int64_t timestamp = record_timestamp(record);
  row.key = key_of(timestamp, row.id);
  if (record.has_page_event()) {
    const std::string& id = record.page_event().event_id();
    group_.finals.insert(id);
    const auto known = open_events_.find(id);
    if (known != open_events_.end() && key_time(known->second.key) == key_time(row.key)) {
      row.key = known->second.key;
      row.first_offset = known->second.first_offset;
    }
    if (const auto change = group_.opens.find(id); change != group_.opens.end()) {
      change->second.record = nullptr;
      if (!change->second.known) group_.opens.erase(change);
    } else if (known != open_events_.end()) {
      group_.opens.emplace(id, OpenChange{nullptr, known->second, true});
    }
  }
  DayGroup& day = group_.days[day_of(timestamp, now_ms_, day_clamp_ms)];
  uint64_t& applied = day.applied[producer_id];
  applied = std::max(applied, sequence);
  day.rows.push_back(std::move(row));
}

// A record that was written before a crash may meet another day file this time (its day is clamped to the time of
// arrival), so the files in doubt are asked for its id.
bool Committer::stored_already(const FinalRow& row) {
  const auto doubt = doubt_.find(row.producer_id);
  if (doubt == doubt_.end() || row.sequence > doubt->second) return false;
  for (const int64_t day : doubt_days_) {
    auto file = day_file(day);
    if (!file.ok()) {
      status_ = file.error();
      return false;
    }
    const bool found = (*file)->contains(row.key, row.id);
    if (!(*file)->ok()) status_ = base::Error{(*file)->error()};
    if (found) return true;
  }
  return false;
}

base::Status Committer::write_days() {
  for (auto& [day, group] : group_.days) {
    std::erase_if(group.rows, [&](const FinalRow& row) { return stored_already(row); });
    if (!status_.ok()) return status_;
    auto file = day_file(day);
    if (!file.ok()) return file.error();
    DayFile& to = **file;
    std::erase_if(group.rows, [&](const FinalRow& row) { return row.sequence <= to.applied(row.producer_id); });
    counts_.duplicate_finals += to.write(group.rows, next_offset_, now_ms_);
    for (const auto& [producer_id, sequence] : group.applied) {
      if (sequence > to.applied(producer_id)) to.set_applied(producer_id, sequence);
    }
    if (base::Status status = to.commit(group.rows); !status.ok()) return status;
    days_[day] = to.info();
    next_offset_ += group.rows.size();
    counts_.finals += group.rows.size();
    for (const FinalRow& row : group.rows) counts_.gaps += row.record->has_gap() ? 1 : 0;
    if (hook_) hook_(CommitPoint::kAfterDay);
  }
  // Before the catalogue forgets an open event, readers must know where its final is.
  if (!group_.days.empty()) publish_days();
  return base::Unit{};
}

base::Status Committer::write_catalogue() {
  catalogue_->begin();
  for (auto& [id, change] : group_.opens) settle_open(id, change);
  for (const DeadLetter& letter : group_.dead_letters) {
    const bool poison = letter.record->kind == IncomingRecord::Kind::kPoison;
    catalogue_->put_dead_letter(letter.producer_id, letter.sequence, now_ms_,
                                poison ? std::string_view(letter.record->reason) : "too many open events",
                                letter.record->bytes);
  }
  for (const auto& [id, state] : group_.producers) catalogue_->put_producer(id, state);
  catalogue_->set_next_offset(next_offset_);
  if (base::Status status = catalogue_->commit(); !status.ok()) return status;
  counts_.dead_letters = group_.dead_letters.size();
  dead_letters_ = std::min<uint64_t>(dead_letters_ + counts_.dead_letters, dead_letters_max);
  return base::Unit{};
}

void Committer::settle_open(const std::string& id, OpenChange& change) {
  if (change.record == nullptr) {
    if (!group_.finals.contains(id)) return;  // a stale revision of an event that stays as it is
    catalogue_->erase_open(change.state.key);
    open_keys_.erase(change.state.key);
    open_events_.erase(id);
    if (const auto owner = group_.producers.find(change.state.producer_id); owner != group_.producers.end()) {
      --owner->second.open_events;
    }
    return;
  }
  if (!change.known) {
    change.state.first_offset = next_offset_ - 1;
    while (!open_keys_.try_emplace(change.state.key, id).second) change.state.key = next_key(change.state.key);
    ++group_.producers.at(change.state.producer_id).open_events;
  }
  catalogue_->put_open(change.state, *change.record->record, change.record->bytes, now_ms_);
  open_events_[id] = change.state;
  ++counts_.opens;
}

// Without a copy: copying each record would cost the writer more than a viewer may.
std::vector<SharedRecord> Committer::committed_records(int64_t now_ms, const std::shared_ptr<void>& items) const {
  std::vector<SharedRecord> records;
  const auto add = [&](const events::v1::Record& shared, uint64_t offset) {
    auto& record = const_cast<events::v1::Record&>(shared);  // the batch's own, which nobody else reads any more
    google::protobuf::Arena* arena = record.GetArena();
    SLUICE_ASSERT(arena != nullptr);
    auto* stored = google::protobuf::Arena::CreateMessage<v1::StoredRecord>(arena);
    stored->set_offset(offset);
    if (record.has_page_event()) record.mutable_page_event()->set_ingested_time(now_ms);
    stored->unsafe_arena_set_allocated_record(&record);
    records.push_back(SharedRecord(items, stored));
  };
  for (const auto& [id, change] : group_.opens) {
    if (change.record != nullptr) add(*change.record->record, 0);
  }
  for (const auto& [day, group] : group_.days) {
    for (const FinalRow& row : group.rows) add(*row.record, row.offset);
  }
  return records;
}

void Committer::publish_days() {
  std::vector<DayInfo> days;
  days.reserve(days_.size());
  for (const auto& [day, info] : days_) days.push_back(info);
  view_.set_days(Days(std::move(days)));
}

base::Result<DayFile*> Committer::day_file(int64_t day) {
  std::erase(writer_use_, day);
  writer_use_.push_back(day);
  if (const auto open = writers_.find(day); open != writers_.end()) return open->second.get();
  if (writers_.size() >= day_writers_open_max) {
    if (const auto oldest = writers_.find(writer_use_.front()); oldest != writers_.end()) {
      if (base::Status status = oldest->second->settle(); !status.ok()) return status.error();
      writers_.erase(oldest);
    }
    writer_use_.erase(writer_use_.begin());
  }
  auto file = DayFile::open(directory_, day);
  if (!file.ok()) return file.error();
  DayFile* opened = file->get();
  writers_[day] = std::move(file).value();
  return opened;
}

base::Status Committer::replace_blocks(int64_t day, const CompactionBite& bite) {
  if (!days_.contains(day)) return base::Unit{};
  auto file = day_file(day);
  if (!file.ok()) return file.error();
  return (*file)->replace_blocks(bite);
}

base::Result<uint64_t> Committer::release_pages(int64_t day) {
  if (!days_.contains(day)) return uint64_t{0};
  auto file = day_file(day);
  if (!file.ok()) return file.error();
  return (*file)->release_pages();
}

base::Result<uint32_t> Committer::drop_before(int64_t before_ms, int64_t now_ms) {
  uint32_t dropped = 0;
  std::vector<std::string> files;
  for (auto at = days_.begin(); at != days_.end() && (at->first + 1) * day_ms <= before_ms;) {
    writers_.erase(at->first);
    std::erase(writer_use_, at->first);
    std::erase(doubt_days_, at->first);
    files.push_back(at->second.path);
    at = days_.erase(at);
    ++dropped;
  }
  publish_days();  // readers let go before the files do
  for (const std::string& file : files) {
    for (const char* part : {"-wal", "-shm", ""}) {
      if (::remove((file + part).c_str()) != 0 && errno != ENOENT) {
        return base::Error{file + part + ": cannot delete a day that is past retention"};
      }
    }
  }

  catalogue_->begin();
  for (auto at = open_events_.begin(); at != open_events_.end();) {
    if (key_time(at->second.key) >= before_ms) {
      ++at;
      continue;
    }
    catalogue_->erase_open(at->second.key);
    open_keys_.erase(at->second.key);
    if (const auto owner = producers_.find(at->second.producer_id); owner != producers_.end())
      --owner->second.open_events;
    at = open_events_.erase(at);
  }
  for (auto at = producers_.begin(); at != producers_.end();) {
    const bool kept = at->second.open_events > 0 || at->second.last_seen > now_ms - producer_kept_ms;
    if (!kept) catalogue_->erase_producer(at->first);
    at = kept ? std::next(at) : producers_.erase(at);
  }
  if (base::Status status = catalogue_->commit(); !status.ok()) return status.error();
  return dropped;
}

}  // namespace sluice::store
