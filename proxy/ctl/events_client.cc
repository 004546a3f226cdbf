#include "proxy/ctl/events_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "proxy/base/text.h"
#include "sluice/events/v1/query.grpc.pb.h"

namespace sluice::ctl {

namespace v1 = events::v1;
using grpc::StatusCode;

namespace {
constexpr std::chrono::seconds call_seconds{30};
constexpr std::chrono::seconds backup_seconds{6 * 3600};  // of a store that fills a disk
constexpr int answer_bytes_max = 64 << 20;                // 1,000 records of 64 KiB
constexpr uint64_t port_max = 65'535;

bool is_host_and_port(const std::string& server) {
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0 || server.find('/') != std::string::npos) return false;
  const auto port = base::parse_decimal(std::string_view(server).substr(colon + 1));
  return port && *port > 0 && *port <= port_max;
}
}  // namespace

struct EventsClient::Channel {
  std::string server;
  std::unique_ptr<v1::Query::Stub> stub;

  template <class Response, class Method, class Request>
  CallResult<Response> call(Method method, const Request& request, std::chrono::seconds limit) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limit);
    Response response;
    const grpc::Status status = ((*stub).*method)(&context, request, &response);
    if (!status.ok()) return error(status);
    return response;
  }

  CallError error(const grpc::Status& status) const {
    switch (status.error_code()) {
      case StatusCode::INVALID_ARGUMENT: {
        CallError error{true, status.error_message(), std::nullopt};
        v1::QueryProblem problem;
        if (!status.error_details().empty() && problem.ParseFromString(status.error_details())) {
          error.problem = std::move(problem);
        }
        return error;
      }
      case StatusCode::UNAVAILABLE:
        return CallError{false,
                         "cannot reach the event store at " + server +
                             "; start sluice-events, or say where it is with --server unix:PATH or host:port",
                         std::nullopt};
      case StatusCode::DEADLINE_EXCEEDED:
        return CallError{false, "the event store at " + server + " did not answer in time; ask for a shorter range",
                         std::nullopt};
      default:  // the server's own sentence
        return CallError{false, "the event store at " + server + " says: " + status.error_message(), std::nullopt};
    }
  }
};

EventsClient::EventsClient(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
EventsClient::EventsClient(EventsClient&&) noexcept = default;
EventsClient& EventsClient::operator=(EventsClient&&) noexcept = default;
EventsClient::~EventsClient() = default;

base::Result<EventsClient> EventsClient::open(const std::string& server) {
  const bool is_socket = server.starts_with("unix:") && server.size() > 5;
  if (!is_socket && !is_host_and_port(server)) {
    return base::Error{"--server is unix:PATH or host:port, not \"" + server + '"'};
  }
  setenv("GRPC_VERBOSITY", "NONE", 0);  // its log lines would stand among ours
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(answer_bytes_max);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // http_proxy may well name the proxy whose events are asked for
  auto channel = std::make_unique<Channel>();
  channel->server = server;
  channel->stub = v1::Query::NewStub(grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
  return EventsClient(std::move(channel));
}

CallResult<v1::SearchResponse> EventsClient::search(const v1::SearchRequest& request) {
  return channel_->call<v1::SearchResponse>(&v1::Query::Stub::Search, request, call_seconds);
}

CallResult<v1::StatsResponse> EventsClient::stats() {
  return channel_->call<v1::StatsResponse>(&v1::Query::Stub::Stats, v1::StatsRequest(), call_seconds);
}

CallResult<v1::BackupResponse> EventsClient::backup(const v1::BackupRequest& request) {
  return channel_->call<v1::BackupResponse>(&v1::Query::Stub::Backup, request, backup_seconds);
}

CallResult<v1::CreateTokenResponse> EventsClient::create_token(const v1::CreateTokenRequest& request) {
  return channel_->call<v1::CreateTokenResponse>(&v1::Query::Stub::CreateToken, request, call_seconds);
}

CallResult<v1::ListTokensResponse> EventsClient::list_tokens() {
  return channel_->call<v1::ListTokensResponse>(&v1::Query::Stub::ListTokens, v1::ListTokensRequest(), call_seconds);
}

CallResult<v1::RevokeTokenResponse> EventsClient::revoke_token(const v1::RevokeTokenRequest& request) {
  return channel_->call<v1::RevokeTokenResponse>(&v1::Query::Stub::RevokeToken, request, call_seconds);
}

CallResult<base::Unit> EventsClient::tail(const v1::TailRequest& request,
                                          const std::function<bool(const v1::TailResponse&)>& deliver) {
  grpc::ClientContext context;
  const auto reader = channel_->stub->Tail(&context, request);
  v1::TailResponse response;
  while (reader->Read(&response)) {
    if (deliver(response)) continue;
    context.TryCancel();
    while (reader->Read(&response)) continue;
    reader->Finish();
    return base::Unit{};
  }
  const grpc::Status status = reader->Finish();
  if (status.ok()) return CallError{false, "the event store ended the stream", std::nullopt};
  return channel_->error(status);
}

}  // namespace sluice::ctl
