#include "events/query/request.h"

#include <utility>
#include <vector>

#include "events/query/parser.h"

namespace sluice::query {

namespace v1 = events::v1;
using store::Operator;

base::Result<Request, QueryError> read_request(std::string_view query, v1::View view, int64_t now_ms) {
  auto filter = parse(query, now_ms);
  if (!filter.ok()) return filter.error();
  Request request;
  request.filter = std::move(filter).value();
  request.page_events_only = !store::mentions(request.filter, store::field("record_type"));
  request.primary_only = view != v1::VIEW_ALL;
  return request;
}

store::Filter whole_filter(const Request& request) {
  const int64_t page_event = v1::Record::kPageEvent;
  const store::Field& record_type = store::field("record_type");
  std::vector<store::Filter> parts;
  if (request.page_events_only) parts.push_back(store::compare(record_type, Operator::kEqual, {page_event}));
  if (request.primary_only) {
    parts.push_back(store::any_of({store::compare(store::field("primary"), Operator::kEqual, {int64_t{1}}),
                                   store::compare(record_type, Operator::kNotEqual, {page_event})}));
  }
  parts.push_back(request.filter);
  return store::all_of(std::move(parts));
}

// FNV-1a, 64 bit. Without the range: a relative one (now-1h) is another number on every page, and the token itself says
// where to go on.
uint64_t fingerprint(const v1::SearchRequest& request) {
  const std::string text = (request.view() == v1::VIEW_ALL ? "all " : "primary ") + request.query();
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace sluice::query
