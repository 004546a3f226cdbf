#pragma once
// Search: one answer to one SearchQuery, over the day files and the open events. Looks at one stretch of time after the
// other, newest first; the stretches adapt so that the time budget is met and every answer makes progress.
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "events/store/event_key.h"
#include "events/store/event_store.h"
#include "events/store/field.h"
#include "events/store/narrowing.h"
#include "events/store/page_token.h"
#include "events/store/reader_pool.h"
#include "events/store/store_view.h"

namespace sluice::store {

// Lives for one call, on the caller's thread. Borrows all it is given.
class Search {
 public:
  Search(ReaderPool& pool, const StoreView& view, std::string catalogue_path, const SearchQuery& query);
  base::Result<SearchPage, ReadError> run();

 private:
  struct Hit {
    int64_t key = 0;
    uint64_t offset = 0;  // 0: open
    std::string id;
    v1::StoredRecord record;
    bool decoded = false;
    DayReader* reader = nullptr;
  };
  struct Source {
    ReaderPool::Lease reader;
    Statement statement;
    Statement in_slot;  // the same with a slot in front, when an index helps
    int64_t min_key = 0;
  };

  bool place();
  void build_sql();
  int64_t newest_key_below(int64_t key);
  int64_t first_span();
  void look(int64_t low, int64_t high);
  void look_into(Source& source, const DayInfo& day, int64_t low, int64_t high, int64_t wanted);
  int64_t look_into(Source& source, Statement& statement, bool open_events, const KeyStretch& stretch,
                    const std::vector<ColumnValue>& listed, int64_t wanted);
  Source* source(const std::string& path, int64_t min_key, bool open_events);
  bool decode(Hit& hit);
  bool accepts(Hit& hit, Statement& row, bool open_events);
  void take_hits();
  void fail(std::string message);

  ReaderPool& pool_;
  const StoreView& view_;
  const std::string catalogue_path_;
  const SearchQuery& query_;
  const size_t limit_;
  const std::chrono::steady_clock::time_point deadline_;

  std::string condition_;
  std::vector<ColumnValue> values_;
  bool exact_ = true;
  bool indexed_ = false;
  Narrowing narrowing_;
  uint64_t snapshot_ = 0;
  int64_t lower_ = 0;
  int64_t upper_ = 0;  // exclusive; everything at or above it is answered

  std::map<std::string, Source> sources_;
  std::vector<Hit> hits_;     // of the stretch at hand
  int64_t trusted_from_ = 0;  // an interrupted source did not tell about keys below this
  bool out_of_time_ = false;
  size_t page_bytes_ = 0;
  SearchPage page_;
  std::string error_;
};

}  // namespace sluice::store
