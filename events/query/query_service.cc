#include "events/query/query_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <utility>

#include "events/query/limits.h"
#include "events/query/request.h"
#include "events/query/tail_call.h"
#include "events/query/worker_pool.h"
#include "events/store/event_store.h"
#include "proxy/base/time.h"
#include "sluice/events/v1/query.grpc.pb.h"

namespace sluice::query {

namespace v1 = events::v1;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using grpc::Status;
using grpc::StatusCode;

namespace {

Status invalid(const QueryError& error) {
  v1::QueryProblem problem;
  problem.set_offset(static_cast<uint32_t>(error.offset));
  problem.set_length(static_cast<uint32_t>(error.length));
  problem.set_message(error.message);
  return {StatusCode::INVALID_ARGUMENT, error.message, problem.SerializeAsString()};
}

Status failed(const store::ReadError& error) {
  switch (error.code) {
    case store::ReadError::Code::kBadToken: return {StatusCode::INVALID_ARGUMENT, error.message};
    case store::ReadError::Code::kUnavailable: break;
  }
  return {StatusCode::UNAVAILABLE, error.message};
}

Status busy() {
  return {StatusCode::RESOURCE_EXHAUSTED, "too many searches wait already; try again in a moment"};
}

// Answers queries. Calls come on gRPC's threads; whatever may wait for the store is posted to the pools.
class QueryService : public v1::Query::CallbackService {
 public:
  explicit QueryService(store::EventStore& store) : store_(store) {}

  // The request, the response and the context live until Finish() (gRPC's rule), hence through the job.
  ServerUnaryReactor* Search(CallbackServerContext* context, const v1::SearchRequest* request,
                             v1::SearchResponse* response) override {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    if (!searches_.post([=, this] { reactor->Finish(search(*request, *response)); })) reactor->Finish(busy());
    return reactor;
  }

  ServerUnaryReactor* Stats(CallbackServerContext* context, const v1::StatsRequest*,
                            v1::StatsResponse* response) override {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    if (!searches_.post([=, this] { reactor->Finish(stats(*response)); })) reactor->Finish(busy());
    return reactor;
  }

  grpc::ServerWriteReactor<v1::TailResponse>* Tail(CallbackServerContext*, const v1::TailRequest* request) override {
    auto read = read_request(request->query(), request->view(), base::epoch_ms(base::wall_now()));
    if (!read.ok()) return refuse_tail(invalid(read.error()));
    if (tails_running_.fetch_add(1) >= tails_max) {
      tails_running_.fetch_sub(1);
      return refuse_tail({StatusCode::RESOURCE_EXHAUSTED, "too many readers follow the events already"});
    }
    TailOptions options{whole_filter(*read), request->from_offset(), request->include_open()};
    return start_tail(store_, tails_, std::move(options), [this] { tails_running_.fetch_sub(1); });
  }

 private:
  Status search(const v1::SearchRequest& request, v1::SearchResponse& response) {
    if (request.page_size() > page_size_max) {
      return {StatusCode::INVALID_ARGUMENT, "page_size is at most " + std::to_string(page_size_max)};
    }
    auto read = read_request(request.query(), request.view(), base::epoch_ms(base::wall_now()));
    if (!read.ok()) return invalid(read.error());
    store::SearchQuery query;
    query.filter = &read->filter;
    query.start_time = request.start_time();
    query.end_time = request.end_time();
    query.primary_only = read->primary_only;
    query.page_events_only = read->page_events_only;
    query.limit = request.page_size() == 0 ? page_size_default : request.page_size();
    query.page_token = request.page_token();
    query.fingerprint = fingerprint(request);
    query.budget = search_budget_ms;
    auto page = store_.search(query);
    if (!page.ok()) return failed(page.error());
    for (v1::StoredRecord& record : page->records) *response.add_records() = std::move(record);
    response.set_next_page_token(page->next_page_token);
    response.set_partial(page->partial);
    return Status::OK;
  }

  Status stats(v1::StatsResponse& response) {
    auto stats = store_.stats();
    if (!stats.ok()) return failed(stats.error());
    response = std::move(stats).value();
    return Status::OK;
  }

  store::EventStore& store_;
  std::atomic<size_t> tails_running_ = 0;
  WorkerPool searches_{searches_running_max, searches_waiting_max};
  WorkerPool tails_{tail_threads, tails_max};  // every Tail has at most one job waiting
};

}  // namespace

std::unique_ptr<grpc::Service> make_query_service(store::EventStore& store) {
  return std::make_unique<QueryService>(store);
}

}  // namespace sluice::query
