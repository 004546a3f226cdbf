#include "events/query/query_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <optional>
#include <utility>

#include "events/query/limits.h"
#include "events/query/query_api.h"
#include "events/query/request.h"
#include "events/query/tail_call.h"
#include "events/query/tokens.h"
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

Status failed(const QueryFault& fault) {
  if (fault.problem) return invalid(*fault.problem);
  switch (fault.code) {
    case QueryFault::Code::kInvalid: return {StatusCode::INVALID_ARGUMENT, fault.message};
    case QueryFault::Code::kUnavailable: break;
  }
  // Not UNAVAILABLE, which means to clients that nobody answers.
  return {StatusCode::RESOURCE_EXHAUSTED, fault.message};
}

template <class Response>
Status finished(Answer<Response> answer, Response& response) {
  if (!answer.ok()) return failed(answer.error());
  response = std::move(answer).value();
  return Status::OK;
}

int64_t now_ms() {
  return base::epoch_ms(base::wall_now());
}

Status busy() {
  return {StatusCode::RESOURCE_EXHAUSTED, "too many searches wait already; try again in a moment"};
}

// Answers queries. Calls come on gRPC's threads; whatever may wait for the store is posted to the pools.
class QueryService : public v1::Query::WithRawCallbackMethod_Tail<v1::Query::CallbackService> {
 public:
  QueryService(store::EventStore& store, store::Registry* registry) : store_(store), api_(store) {
    if (registry != nullptr) tokens_api_.emplace(*registry);
  }

  ServerUnaryReactor* Search(CallbackServerContext* context, const v1::SearchRequest* request,
                             v1::SearchResponse* response) override {
    return run(context, [=, this] { return finished(api_.search(*request), *response); });
  }
  ServerUnaryReactor* Stats(CallbackServerContext* context, const v1::StatsRequest*,
                            v1::StatsResponse* response) override {
    return run(context, [=, this] { return finished(api_.stats(), *response); });
  }
  ServerUnaryReactor* Aggregate(CallbackServerContext* context, const v1::AggregateRequest* request,
                                v1::AggregateResponse* response) override {
    return run(context, [=, this] { return finished(api_.aggregate(*request), *response); });
  }
  ServerUnaryReactor* Histogram(CallbackServerContext* context, const v1::HistogramRequest* request,
                                v1::HistogramResponse* response) override {
    return run(context, [=, this] { return finished(api_.histogram(*request), *response); });
  }
  ServerUnaryReactor* FieldValues(CallbackServerContext* context, const v1::FieldValuesRequest* request,
                                  v1::FieldValuesResponse* response) override {
    return run(context, [=, this] { return finished(api_.field_values(*request), *response); });
  }
  ServerUnaryReactor* Backup(CallbackServerContext* context, const v1::BackupRequest* request,
                             v1::BackupResponse* response) override {
    return run(context, [=, this] { return finished(api_.backup(*request), *response); });
  }
  ServerUnaryReactor* CreateToken(CallbackServerContext* context, const v1::CreateTokenRequest* request,
                                  v1::CreateTokenResponse* response) override {
    return with_tokens(context, [=, this] { return finished(tokens_api_->create(*request, now_ms()), *response); });
  }
  ServerUnaryReactor* ListTokens(CallbackServerContext* context, const v1::ListTokensRequest*,
                                 v1::ListTokensResponse* response) override {
    return with_tokens(context, [=, this] {
      *response = tokens_api_->list();
      return Status::OK;
    });
  }
  ServerUnaryReactor* RevokeToken(CallbackServerContext* context, const v1::RevokeTokenRequest* request,
                                  v1::RevokeTokenResponse* response) override {
    return with_tokens(context, [=, this] { return finished(tokens_api_->revoke(request->id()), *response); });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Tail(CallbackServerContext*, const grpc::ByteBuffer* bytes) override {
    v1::TailRequest request;
    grpc::ByteBuffer copy(*bytes);  // of references
    if (!grpc::SerializationTraits<v1::TailRequest>::Deserialize(&copy, &request).ok()) {
      return refuse_tail({StatusCode::INVALID_ARGUMENT, "the request is not a TailRequest"});
    }
    auto read = read_request(request.query(), request.view(), base::epoch_ms(base::wall_now()));
    if (!read.ok()) return refuse_tail(invalid(read.error()));
    if (tails_running_.fetch_add(1) >= tails_max) {
      tails_running_.fetch_sub(1);
      return refuse_tail({StatusCode::RESOURCE_EXHAUSTED, "too many readers follow the events already"});
    }
    TailOptions options{whole_filter(*read), request.from_offset(), request.include_open()};
    return start_tail(store_, tail_texts_, tails_, std::move(options), [this] { tails_running_.fetch_sub(1); });
  }

 private:
  // The request, the response and the context live until Finish() (gRPC's rule), hence through the job.
  template <class Job>
  ServerUnaryReactor* run(CallbackServerContext* context, Job job) {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    if (!searches_.post([=] { reactor->Finish(job()); })) reactor->Finish(busy());
    return reactor;
  }
  template <class Job>
  ServerUnaryReactor* with_tokens(CallbackServerContext* context, Job job) {
    if (tokens_api_) return run(context, job);
    ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish({StatusCode::FAILED_PRECONDITION, "this event store has no HTTP interface, so it has no tokens"});
    return reactor;
  }

  store::EventStore& store_;
  QueryApi api_;
  std::optional<Tokens> tokens_api_;
  TailTexts tail_texts_{append_tail_record};
  std::atomic<size_t> tails_running_ = 0;
  WorkerPool searches_{searches_running_max, searches_waiting_max};
  WorkerPool tails_{tail_threads, tails_max};  // every Tail has at most one job waiting
};

}  // namespace

std::unique_ptr<grpc::Service> make_query_service(store::EventStore& store, store::Registry* registry) {
  return std::make_unique<QueryService>(store, registry);
}

}  // namespace sluice::query
