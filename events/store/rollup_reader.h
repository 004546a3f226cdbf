#pragma once
// RollupReader: the sums of one key in some hours of a day file, as of one moment: those in the file and those that
// still wait in memory. The ids of values mean something within one of the two places only.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "events/store/day_file.h"
#include "events/store/rollup_blob.h"
#include "events/store/sqlite_db.h"

namespace sluice::store {

// Lives for one question, on its thread, with a read transaction on `database`, which it borrows.
class RollupReader {
 public:
  enum class Place : uint8_t { kFile, kMemory };
  enum class Outcome : uint8_t {
    kReady,
    kMoved,  // file and memory do not fit together: the writer was between both. Ask the view again.
    kFailed,
  };
  using TakeEntry = std::function<void(int64_t hour, const RollupEntry& entry)>;
  using TakeValue = std::function<void(uint32_t id, std::string_view value)>;

  RollupReader(const DayInfo& day, Database& database, size_t key, int64_t hour_low, int64_t hour_high);
  ~RollupReader();
  RollupReader(const RollupReader&) = delete;
  RollupReader& operator=(const RollupReader&) = delete;

  Outcome outcome() const { return outcome_; }
  // In order of time. False if something (a deadline) ended it before the end, as below.
  bool entries(Place place, const TakeEntry& take);
  // In order of ids, from `first` on: those of all entries, perhaps others too.
  bool values(Place place, uint32_t first, const TakeValue& take);

 private:
  void take_memory(const Rollup& rollup);

  Database& database_;
  const size_t key_;
  const int64_t hour_low_;
  const int64_t hour_high_;
  Outcome outcome_ = Outcome::kFailed;
  struct InMemory {
    int64_t hour = 0;
    std::string value;
    RollupEntry entry;
  };
  std::vector<InMemory> memory_;  // in order of time
  std::vector<std::string> memory_values_;
};

}  // namespace sluice::store
