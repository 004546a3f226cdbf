// The Query service over the real store, through gRPC within the process.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <set>

#include "events/query/limits.h"
#include "events/query/query_service.h"
#include "sluice/events/v1/query.grpc.pb.h"
#include "tests/unit/store/store_fixture.h"

using namespace sluice;
using grpc::StatusCode;

namespace v1 = events::v1;

namespace {

class Service {
 public:
  Service() : service_(query::make_query_service(fixture.store(), nullptr)) {
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub = v1::Query::NewStub(server_->InProcessChannel(grpc::ChannelArguments()));
  }
  ~Service() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  // Records `first`..`last` of one producer, one minute apart.
  void append(uint64_t first, uint64_t last, v1::State state = v1::STATE_CLOSED) {
    std::vector<v1::Record> records;
    for (uint64_t i = first; i <= last; ++i) {
      const int64_t age = static_cast<int64_t>(last - i);
      records.push_back(store::page(1, i, state, 1, store::noon - age));
    }
    REQUIRE(fixture.append(1, next_seq_, records).code == store::AppendResult::Code::kCommitted);
    next_seq_ += records.size();
  }
  grpc::Status search(const v1::SearchRequest& request, v1::SearchResponse& response) {
    grpc::ClientContext context;
    response.Clear();
    return stub->Search(&context, request, &response);
  }

  store::StoreFixture fixture;
  std::unique_ptr<v1::Query::Stub> stub;

 private:
  uint64_t next_seq_ = 1;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

// Reads a tail until `count` records came; returns their ids.
class Tail {
 public:
  Tail(Service& service, v1::TailRequest request) : reader_(service.stub->Tail(&context_, request)) {
    REQUIRE(reader_->Read(&answer));  // the greeting
    take();
  }
  ~Tail() {
    context_.TryCancel();
    reader_->Finish();
  }
  void read(size_t count) {
    while (ids.size() + skipped < count) {
      REQUIRE(reader_->Read(&answer));
      take();
    }
  }

  std::vector<std::string> ids;
  uint64_t skipped = 0;
  v1::TailResponse answer;

 private:
  void take() {
    for (const auto& record : answer.records()) ids.push_back(record.record().page_event().event_id());
    skipped += answer.skipped();
  }
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::TailResponse>> reader_;
};

v1::TailRequest tail_request(const std::string& text, uint64_t from_offset, bool include_open = false) {
  v1::TailRequest request;
  request.set_query(text);
  request.set_from_offset(from_offset);
  request.set_include_open(include_open);
  return request;
}
}  // namespace

TEST_CASE("search answers page by page, newest first, and a token belongs to its query") {
  Service service;
  service.append(1, 250);
  v1::SearchRequest request;
  request.set_query("user eq USER1");
  request.set_page_size(20);
  v1::SearchResponse response;
  std::vector<int64_t> times;
  do {
    REQUIRE(service.search(request, response).ok());
    for (const auto& record : response.records()) times.push_back(record.record().page_event().timestamp());
    request.set_page_token(response.next_page_token());
    if (times.size() == 20) {
      v1::SearchRequest other = request;
      other.set_query("user eq user2");
      v1::SearchResponse ignored;
      CHECK(service.search(other, ignored).error_code() == StatusCode::INVALID_ARGUMENT);
    }
  } while (!request.page_token().empty());
  CHECK(times.size() == 50);
  CHECK(std::is_sorted(times.rbegin(), times.rend()));
}

TEST_CASE("search: what cannot be answered says why and where") {
  Service service;
  v1::SearchRequest request;
  v1::SearchResponse response;
  request.set_query("app eq Dropbox and bypas_traffic eq yes");
  const grpc::Status refused = service.search(request, response);
  CHECK(refused.error_code() == StatusCode::INVALID_ARGUMENT);
  v1::QueryProblem problem;
  REQUIRE(problem.ParseFromString(refused.error_details()));
  CHECK(problem.offset() == 19);
  CHECK(problem.length() == 13);
  CHECK(problem.message() == refused.error_message());
  CHECK(problem.message().find("bypass_traffic") != std::string::npos);
  request.set_query("");
  request.set_page_size(query::page_size_max + 1);
  CHECK(service.search(request, response).error_code() == StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  const auto reader = service.stub->Tail(&context, tail_request("app eq", 0));
  v1::TailResponse answer;
  CHECK_FALSE(reader->Read(&answer));
  CHECK(reader->Finish().error_code() == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("views: primary page events unless the query or the view asks for more") {
  Service service;
  v1::Record secondary = store::page(1, 2);
  secondary.mutable_page_event()->set_primary(false);
  v1::Record notice;
  notice.mutable_notice()->set_timestamp(store::noon);
  notice.mutable_notice()->set_kind("spool_80_percent");
  REQUIRE(service.fixture.append(1, 1, {store::page(1, 1), secondary, notice}).committed_seq == 3);
  const auto count = [&](const std::string& text, v1::View view) {
    v1::SearchRequest request;
    request.set_query(text);
    request.set_view(view);
    v1::SearchResponse response;
    REQUIRE(service.search(request, response).ok());
    return response.records_size();
  };
  CHECK(count("", v1::VIEW_UNSPECIFIED) == 1);
  CHECK(count("", v1::VIEW_ALL) == 2);
  CHECK(count("record_type eq notice", v1::VIEW_PRIMARY) == 1);
  CHECK(count("record_type exists", v1::VIEW_PRIMARY) == 2);
  CHECK(count("record_type exists", v1::VIEW_ALL) == 3);
}

TEST_CASE("tail: from an offset, then live, filtered, without a hole or a double") {
  Service service;
  service.append(1, 2'500);
  Tail tail(service, tail_request("app eq app1", 3));
  service.append(2'501, 3'000);
  size_t wanted = 0;
  for (uint64_t i = 4; i <= 3'000; ++i) wanted += i % 3 == 1 ? 1 : 0;
  tail.read(wanted);
  CHECK(tail.ids.size() == wanted);
  CHECK(std::set<std::string>(tail.ids.begin(), tail.ids.end()).size() == wanted);
  Tail resumed(service, tail_request("app eq app1", tail.answer.next_offset()));
  service.append(3'001, 3'003);
  resumed.read(1);
  CHECK(resumed.ids == std::vector<std::string>{"0000000000000001-3001"});
}

TEST_CASE("tail: open events on request") {
  Service service;
  Tail closed_only(service, tail_request("", 0));
  Tail with_open(service, tail_request("", 0, true));
  service.append(1, 1, v1::STATE_OPEN);
  service.append(2, 2);
  with_open.read(2);
  closed_only.read(1);
  CHECK(with_open.ids == std::vector<std::string>{"0000000000000001-1", "0000000000000001-2"});
  CHECK(closed_only.ids == std::vector<std::string>{"0000000000000001-2"});
}

TEST_CASE("tail: a reader who does not read is told how much it missed") {
  Service service;
  Tail slow(service, tail_request("", 0));
  constexpr uint64_t events = 40'000;
  for (uint64_t first = 1; first <= events; first += 1'000) service.append(first, first + 999);
  slow.read(events);
  CHECK(slow.skipped > 0);
  CHECK(slow.ids.size() + slow.skipped == events);
  CHECK(slow.ids.back() == "0000000000000001-40000");
}

TEST_CASE("tail: the server can stop while readers wait") {
  auto service = std::make_unique<Service>();
  grpc::ClientContext context;
  const auto reader = service->stub->Tail(&context, tail_request("", 0));
  v1::TailResponse answer;
  REQUIRE(reader->Read(&answer));
  const auto stub = std::move(service->stub);
  service.reset();
  CHECK_FALSE(reader->Read(&answer));
  CHECK_FALSE(reader->Finish().ok());
}

TEST_CASE("stats") {
  Service service;
  service.append(1, 5);
  service.append(6, 7, v1::STATE_OPEN);
  grpc::ClientContext context;
  v1::StatsResponse stats;
  REQUIRE(service.stub->Stats(&context, v1::StatsRequest(), &stats).ok());
  CHECK(stats.final_events() == 5);
  CHECK(stats.open_events() == 2);
  CHECK(stats.last_offset() == 5);
}
