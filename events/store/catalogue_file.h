#pragma once
// CatalogueFile: the one database beside the day files: producers with their watermarks, open events, dead letters.
// Its transaction is the last of a commit. See events/ARCHITECTURE.md for the schema.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/store/sqlite_db.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

struct ProducerState {
  std::string source;
  std::string observed_by;
  uint64_t committed = 0;
  int64_t last_seen = 0;  // epoch ms
  uint64_t open_events = 0;
};

struct OpenState {
  int64_t key = 0;
  uint32_t revision = 0;
  uint64_t first_offset = 0;
  uint64_t producer_id = 0;
};

// Used by the writer thread only. After an error the object is thrown away and the file opened anew.
class CatalogueFile {
 public:
  static constexpr const char* file_name = "catalogue.db";
  static base::Result<std::unique_ptr<CatalogueFile>> open(const std::string& directory);

  bool ok() const { return database_->ok(); }
  const std::string& error() const { return database_->error(); }

  std::unordered_map<uint64_t, ProducerState> load_producers();
  std::unordered_map<std::string, OpenState> load_open_events();
  uint64_t next_offset();
  uint64_t dead_letters();

  void begin();
  void put_producer(uint64_t producer_id, const ProducerState& state);
  void erase_producer(uint64_t producer_id);
  void put_open(const OpenState& state, const events::v1::Record& record, std::string_view bytes,
                int64_t ingested_time);
  void erase_open(int64_t key);
  void put_dead_letter(uint64_t producer_id, uint64_t sequence, int64_t time, std::string_view reason,
                       std::string_view bytes);
  void set_next_offset(uint64_t next_offset);
  base::Status commit();

 private:
  CatalogueFile() = default;

  std::unique_ptr<Database> database_;
  Statement put_producer_;
  Statement put_open_;
  Statement erase_open_;
  Statement put_dead_letter_;
  Statement set_next_offset_;
};

}  // namespace sluice::store
