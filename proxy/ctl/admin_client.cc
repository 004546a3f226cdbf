#include "proxy/ctl/admin_client.h"

#include <grpcpp/grpcpp.h>
#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "sluice/control/v1/admin.grpc.pb.h"

namespace sluice::ctl {

namespace v1 = control::v1;
using grpc::StatusCode;

namespace {
constexpr std::chrono::seconds call_seconds{60};  // a policy with a large category database takes some to load
constexpr int answer_bytes_max = 64 << 20;
}  // namespace

struct AdminClient::Channel {
  std::string server;
  std::unique_ptr<v1::Admin::Stub> stub;

  AdminError error(const grpc::Status& status) const {
    switch (status.error_code()) {
      case StatusCode::INVALID_ARGUMENT: return {true, status.error_message()};
      case StatusCode::UNAVAILABLE:
        return {false, "cannot reach the PoP at " + server +
                           "; start sluice-proxy with `admin: {socket: PATH}`, or say where it is with --admin "
                           "unix:PATH"};
      case StatusCode::DEADLINE_EXCEEDED: return {false, "the PoP at " + server + " did not answer in time"};
      default: return {false, "the PoP at " + server + " says: " + status.error_message()};
    }
  }

  template <class Request, class Response>
  AdminResult<Response> call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + call_seconds);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return error(status);
    return response;
  }
};

AdminClient::AdminClient(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
AdminClient::AdminClient(AdminClient&&) noexcept = default;
AdminClient& AdminClient::operator=(AdminClient&&) noexcept = default;
AdminClient::~AdminClient() = default;

AdminResult<AdminClient> AdminClient::open(const std::string& server) {
  if (!server.starts_with("unix:") || server.size() <= 5) {
    return AdminError{true, "--admin is unix:PATH, not \"" + server + '"'};
  }
  setenv("GRPC_VERBOSITY", "NONE", 0);  // its log lines would stand among ours
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(answer_bytes_max);
  auto channel = std::make_unique<Channel>();
  channel->server = server;
  channel->stub = v1::Admin::NewStub(grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
  return AdminClient(std::move(channel));
}

AdminResult<v1::TimedBypass> AdminClient::add_bypass(const v1::AddBypassRequest& request) {
  return channel_->call(&v1::Admin::Stub::AddBypass, request);
}
AdminResult<v1::ListBypassesResponse> AdminClient::bypasses() {
  return channel_->call(&v1::Admin::Stub::ListBypasses, v1::ListBypassesRequest());
}
AdminResult<v1::TimedBypass> AdminClient::delete_bypass(const v1::DeleteBypassRequest& request) {
  return channel_->call(&v1::Admin::Stub::DeleteBypass, request);
}
AdminResult<v1::ApplyPolicyResponse> AdminClient::apply_policy(const v1::ApplyPolicyRequest& request) {
  return channel_->call(&v1::Admin::Stub::ApplyPolicy, request);
}
AdminResult<v1::ApplyPolicyResponse> AdminClient::rollback_policy(const v1::RollbackPolicyRequest& request) {
  return channel_->call(&v1::Admin::Stub::RollbackPolicy, request);
}
AdminResult<v1::PolicyHistoryResponse> AdminClient::policy_history() {
  return channel_->call(&v1::Admin::Stub::PolicyHistory, v1::PolicyHistoryRequest());
}
AdminResult<v1::PolicySource> AdminClient::policy(uint64_t number) {
  v1::GetPolicyRequest request;
  request.set_number(number);
  return channel_->call(&v1::Admin::Stub::GetPolicy, request);
}
AdminResult<v1::PopStatus> AdminClient::status() {
  return channel_->call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest());
}

std::string actor() {
  const char* behind = getenv("SUDO_USER");
  if (behind != nullptr && *behind != '\0') return behind;
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(getuid());
}

}  // namespace sluice::ctl
