#pragma once
// What the Query service makes of a request before it asks the store.
#include <cstdint>
#include <string>
#include <string_view>

#include "events/query/lexer.h"
#include "events/store/filter.h"
#include "proxy/base/result.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::query {

// A query together with what everyone means without saying so: page events only unless it speaks of record_type, and
// of those the primary ones only unless the view is all.
struct Request {
  store::Filter filter;  // of the text alone
  bool page_events_only = true;
  bool primary_only = true;
};
base::Result<Request, QueryError> read_request(std::string_view query, events::v1::View view, int64_t now_ms);

// All of a request as one filter, for readers that match record by record.
store::Filter whole_filter(const Request& request);

// Binds a page token to text, range and view; stable over restarts.
uint64_t fingerprint(const events::v1::SearchRequest& request);

}  // namespace sluice::query
