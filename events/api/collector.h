#pragma once
// Collector: the endpoints that collectors of commercial gateways already speak: events/data (search by offset) and
// dataexport (an iterator whose place the server keeps, per index name).
#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "events/api/access.h"
#include "events/api/audit_log.h"
#include "events/api/http.h"
#include "events/api/rate_limit.h"
#include "events/query/query_api.h"
#include "events/store/event_store.h"
#include "events/store/registry.h"

namespace sluice::api {

enum class CollectorKind : uint8_t { kPage, kAlert };

// Any thread. Borrows all it is given.
class Collector {
 public:
  Collector(store::EventStore& store, store::Registry& registry, query::QueryApi& api, AuditLog& audit,
            uint32_t requests_per_second)
      : store_(store), registry_(registry), api_(api), audit_(audit), limit_(requests_per_second) {}

  // GET /api/v2/events/data/KIND ? query, starttime, endtime (epoch seconds), limit, offset
  HttpResponse data(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms);
  // GET /api/v2/events/dataexport/events/KIND ? operation = EPOCH | next | head | tail | resend, index = NAME
  HttpResponse iterate(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms);

 private:
  struct Page;
  HttpResponse move(const HttpRequest& request, const Caller& caller, CollectorKind kind, int64_t now_ms);
  bool place(const std::string& operation, store::Cursor& cursor, std::string& wrong) const;
  HttpResponse hand_out(store::Cursor cursor, CollectorKind kind, bool again, int64_t now_ms);
  Page read(uint64_t after, uint64_t until, int64_t from_time, CollectorKind kind);

  store::EventStore& store_;
  store::Registry& registry_;
  query::QueryApi& api_;
  AuditLog& audit_;
  RateLimit limit_;
  std::atomic<size_t> running_ = 0;
  std::mutex mutex_;
  std::set<std::string> moving_;  // cursors that a request works on now
};

}  // namespace sluice::api
