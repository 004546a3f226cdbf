#pragma once
// Questions about many events at once, and their answers: events per group, with counts, sums and more. Over final
// events only: an event that is open may still change. See EventStore::aggregate.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "events/store/field.h"

namespace sluice::store {

struct Filter;

struct Metric {
  enum class Kind : uint8_t {
    kCount,
    kSum,         // of a number
    kDistinct,    // values of a field; exact up to distinct_exact_max, above within 2 %
    kPercentile,  // of a number, within 1 %
    kMax,         // of a number
  };
  Kind kind = Kind::kCount;
  const Field* field = nullptr;  // all but kCount
  double percentile = 50;
};

// One way to part the events into groups. Several are answered by one pass over the events.
struct Grouping {
  std::vector<const Field*> fields;       // at most aggregate_group_fields_max; none: one group
  int64_t bucket_ms = 0;                  // above 0: also by time, in buckets that begin at its multiples
  std::vector<Metric> metrics{Metric{}};  // at least one
  std::string prefix;                     // only groups whose first key begins so, ignoring case
  uint32_t limit = 100;                   // groups with the highest first metric; 0 = all
};

struct AggregateQuery {
  const Filter* filter = nullptr;  // null matches everything; borrowed during the call
  int64_t start_time = 0;          // as in SearchQuery
  int64_t end_time = 0;
  bool primary_only = true;
  bool page_events_only = true;
  std::vector<Grouping> groupings;
  std::chrono::milliseconds budget{2000};
};

struct Group {
  int64_t bucket = 0;             // epoch ms of its begin; 0 without bucket_ms
  std::vector<std::string> keys;  // as Field::text(); "" = no value
  std::vector<double> values;     // one per metric
};

struct Grouped {
  std::vector<Group> groups;  // highest first metric first; with buckets: by time, then by metric
  uint64_t groups_total = 0;  // before the limit
  bool folded = false;        // more groups than memory allows: events of the rest are in none
};

struct AggregateAnswer {
  std::vector<Grouped> groupings;
  bool partial = false;      // the budget ended it: only events from covered_from on are counted everywhere
  int64_t covered_from = 0;  // epoch ms
  bool scanned = false;      // roll-ups did not suffice
};

}  // namespace sluice::store
