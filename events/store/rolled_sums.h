#pragma once
// RolledSums: answers one grouping from the roll-ups of one key. Lives for one aggregate, on its thread.
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "events/store/aggregate.h"
#include "events/store/group_table.h"
#include "events/store/rolled_filter.h"
#include "events/store/rollup_reader.h"

namespace sluice::store {

// The key (an index into rolled_keys()) whose roll-ups answer the grouping under the query's filter; none if rows must
// be read.
std::optional<size_t> answering_key(const AggregateQuery& query, const Grouping& grouping);

class RolledSums {
 public:
  // Borrows all.
  RolledSums(const AggregateQuery& query, const Grouping& grouping, size_t key, GroupTable& table);
  // Adds what began from `from_ms` on and before `to_ms`, multiples of the key's slot.
  void take(RollupReader& reader, int64_t from_ms, int64_t to_ms);

 private:
  // Events of one value whose group is the same as far as the question sees groups.
  struct Pending {
    int64_t bucket = 0;
    uint32_t id = 0;
    size_t kind = 0;
    uint64_t count = 0;
    uint64_t bytes = 0;
    int64_t last = 0;
  };
  struct Kind {
    RollupGroup group = 0;     // one of those that are meant
    std::vector<uint32_t> at;  // by id: 1 + the place in pending_ of the bucket at hand; 0: none
  };
  std::optional<size_t> kind_of(RollupGroup group);
  bool same_kind(RollupGroup a, RollupGroup b) const;
  void take(int64_t time, const RollupEntry& entry);
  void settle(RollupReader& reader, RollupReader::Place place);
  void add(const Pending& sums, std::string_view value);

  const AggregateQuery& query_;
  const Grouping& grouping_;
  const RolledKey& key_;
  GroupTable& table_;
  RolledFilter filter_;
  std::vector<int> parts_;  // of each field of the grouping: its place in the key, or -1 if the group has it
  std::vector<std::pair<RollupGroup, std::optional<size_t>>> groups_;  // seen so far, and their kind; none: not wanted
  std::vector<Kind> kinds_;
  std::vector<Pending> pending_;
  size_t bucket_begin_ = 0;  // in pending_
  int64_t bucket_ = -1;
};

}  // namespace sluice::store
