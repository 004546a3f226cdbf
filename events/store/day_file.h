#pragma once
// DayFile: the write side of one UTC day's database of final records. See events/ARCHITECTURE.md for the schema.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/store/block.h"
#include "events/store/compaction.h"
#include "events/store/event_key.h"
#include "events/store/rollup_file.h"
#include "events/store/sqlite_db.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

struct Filter;  // events/store/filter.h

// Whether a day file has an index for what the filter asks (null: everything). Its conditions then begin with
// indexed_slot, for one slot after the other (stretches() in event_key.h).
bool is_indexed(const Filter* filter);
inline constexpr const char* indexed_slot = "slot = ? AND ";

// What readers must know of a day file before they open it.
struct DayInfo {
  int64_t day = 0;  // days since 1970-01-01 UTC
  std::string path;
  uint64_t rows = 0;
  uint64_t gaps = 0;
  int64_t min_key = key_end;  // of the rows; min_key > max_key: none
  int64_t max_key = -1;
  uint64_t first_offset = 0;
  uint64_t last_offset = 0;
  std::shared_ptr<const Rollup> rollup;  // sums that the file does not hold yet
};

// A final record on its way into a day file. Borrows the batch it came in.
struct FinalRow {
  const events::v1::Record* record = nullptr;
  std::string_view bytes;
  uint64_t producer_id = 0;
  uint64_t sequence = 0;
  std::string_view id;
  int64_t key = 0;
  std::optional<uint64_t> first_offset;  // store offset at which the event was first seen, as open; none = now
  uint64_t offset = 0;                   // given by DayFile::write
};

// Used by the writer thread only. After an error the object is thrown away and the file opened anew.
class DayFile {
 public:
  static std::string file_name(int64_t day);  // "day-2026-01-31.db"
  static base::Result<std::unique_ptr<DayFile>> open(const std::string& directory, int64_t day);

  bool ok() const { return database_->ok(); }
  const std::string& error() const { return database_->error(); }
  const DayInfo& info() const { return info_; }
  // Records of the producer up to here are in this file, as far as they belong to it.
  uint64_t applied(uint64_t producer_id) const;
  const std::unordered_map<uint64_t, uint64_t>& all_applied() const { return applied_; }
  bool contains(int64_t key, std::string_view id);

  // Writes rows in one transaction that commit() ends. Removes from `rows` those whose id the file (or an earlier row)
  // has, and returns how many; gives the others offsets from `next_offset` on.
  size_t write(std::vector<FinalRow>& rows, uint64_t next_offset, int64_t ingested_time);
  void set_applied(uint64_t producer_id, uint64_t sequence);
  // `rows` as write() left them: they enter the roll-ups once they are durable.
  base::Status commit(const std::vector<FinalRow>& rows);
  // Writes the roll-ups that wait in memory, for a file that nobody writes any more.
  base::Status settle();
  // One transaction: the blocks that the bite names are replaced.
  base::Status replace_blocks(const CompactionBite& bite);
  // Gives some unused pages back to the system; how many are left. A file of an older program keeps them.
  base::Result<uint64_t> release_pages();

 private:
  DayFile() = default;
  void load();
  void migrate();
  void replay_rollup();
  void write_rollup();
  bool keys_are_free(const std::vector<FinalRow>& rows);
  size_t settle_keys(std::vector<FinalRow>& rows);
  void write_blocks(const std::vector<FinalRow>& rows, int64_t ingested_time);
  void write_rows(const std::vector<FinalRow>& rows, int64_t ingested_time);

  std::unique_ptr<Database> database_;
  Statement insert_row_;
  Statement insert_block_;
  Statement find_key_;
  Statement put_applied_;
  std::optional<RollupFile> rollup_file_;
  std::shared_ptr<Rollup> rollup_ = std::make_shared<Rollup>();
  std::optional<uint64_t> rollup_written_;  // in the running transaction: up to this offset
  BlockWriter block_;
  DayInfo info_;
  std::unordered_map<uint64_t, uint64_t> applied_;
};

}  // namespace sluice::store
