#pragma once
// QueryApi: what every interface to the events does with a request: checks it, asks the store, makes the answer. gRPC
// and HTTP only carry. Calls block for up to search_budget_ms.
#include <optional>
#include <string>
#include <utility>

#include "events/query/lexer.h"
#include "events/store/event_store.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::store {
struct Grouping;
}

namespace sluice::query {

struct QueryFault {
  enum class Code : uint8_t {
    kInvalid,      // the request is wrong
    kUnavailable,  // the store cannot answer now
  };
  Code code = Code::kInvalid;
  std::string message;                // one sentence
  std::optional<QueryError> problem;  // where the query is wrong
};
template <class T>
using Answer = base::Result<T, QueryFault>;

// Any thread. Borrows the store.
class QueryApi {
 public:
  explicit QueryApi(store::EventStore& store) : store_(store) {}

  Answer<events::v1::SearchResponse> search(const events::v1::SearchRequest& request);
  Answer<events::v1::AggregateResponse> aggregate(const events::v1::AggregateRequest& request);
  Answer<events::v1::HistogramResponse> histogram(const events::v1::HistogramRequest& request);
  Answer<events::v1::FieldValuesResponse> field_values(const events::v1::FieldValuesRequest& request);
  Answer<events::v1::StatsResponse> stats();
  Answer<events::v1::BackupResponse> backup(const events::v1::BackupRequest& request);

  // Newest final events first, over several pages, at most `limit`.
  Answer<std::vector<events::v1::StoredRecord>> collect(events::v1::SearchRequest request, size_t limit);

 private:
  struct Question;
  template <class Request>
  static Answer<Question> question(const Request& request, std::vector<store::Grouping> groupings);

  store::EventStore& store_;
};

}  // namespace sluice::query
