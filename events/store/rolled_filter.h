#pragma once
// RolledFilter: what a filter says of the values of one RolledKey. Lives for one question, on its thread.
#include <string_view>
#include <vector>

#include "events/store/filter.h"
#include "events/store/rollup.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

class RolledFilter {
 public:
  // `filter` (null: everything) speaks of nothing but fields that the key covers. Borrows both.
  RolledFilter(const Filter* filter, const RolledKey& key);
  // On what it depends.
  bool by_value() const { return by_value_; }
  bool by_group() const { return by_group_; }
  // What is not depended on may be anything.
  bool accepts(RollupGroup group, std::string_view value);

 private:
  const Filter* filter_;
  const RolledKey& key_;
  bool by_value_ = false;
  bool by_group_ = false;
  events::v1::Record record_;  // what is asked about
};

}  // namespace sluice::store
