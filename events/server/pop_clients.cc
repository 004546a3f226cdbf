#include "events/server/pop_clients.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "sluice/control/v1/admin.grpc.pb.h"

namespace sluice::server {

namespace v1 = control::v1;
using grpc::StatusCode;
using query::Answer;

namespace {

constexpr std::chrono::seconds read_seconds{5};
constexpr std::chrono::seconds change_seconds{60};  // a policy with a large category database takes some to load
constexpr int answer_bytes_max = 64 << 20;

class PopClients : public api::Pops {
 public:
  explicit PopClients(const config::v1::Events& config) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(answer_bytes_max);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);  // someone waits for a page
    for (const config::v1::PopAdmin& pop : config.pops()) {
      names_.push_back(pop.name());
      stubs_.emplace(pop.name(), v1::Admin::NewStub(grpc::CreateCustomChannel(
                                     "unix:" + pop.socket(), grpc::InsecureChannelCredentials(), arguments)));
    }
  }

  const std::vector<std::string>& names() const override { return names_; }

  Answer<v1::PopStatus> status(const std::string& pop) override {
    return call(pop, &v1::Admin::Stub::GetStatus, v1::GetStatusRequest(), read_seconds);
  }
  Answer<v1::PolicySource> policy(const std::string& pop, uint64_t number) override {
    v1::GetPolicyRequest request;
    request.set_number(number);
    return call(pop, &v1::Admin::Stub::GetPolicy, request, read_seconds);
  }
  Answer<v1::CheckPolicyResponse> check(const std::string& pop, const v1::CheckPolicyRequest& request) override {
    return call(pop, &v1::Admin::Stub::CheckPolicy, request, change_seconds);
  }
  Answer<v1::PolicyHistoryResponse> history(const std::string& pop) override {
    return call(pop, &v1::Admin::Stub::PolicyHistory, v1::PolicyHistoryRequest(), read_seconds);
  }
  Answer<v1::ApplyPolicyResponse> apply(const std::string& pop, const v1::ApplyPolicyRequest& request) override {
    return call(pop, &v1::Admin::Stub::ApplyPolicy, request, change_seconds);
  }
  Answer<v1::ApplyPolicyResponse> rollback(const std::string& pop, const v1::RollbackPolicyRequest& request) override {
    return call(pop, &v1::Admin::Stub::RollbackPolicy, request, change_seconds);
  }

 private:
  template <class Request, class Response>
  Answer<Response> call(const std::string& pop,
                        grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request, std::chrono::seconds within) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + within);
    Response response;
    const grpc::Status status = (stubs_.at(pop).get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    using Code = query::QueryFault::Code;
    if (status.error_code() == StatusCode::INVALID_ARGUMENT) {
      return query::QueryFault{Code::kInvalid, status.error_message(), std::nullopt};
    }
    return query::QueryFault{Code::kUnavailable, "the PoP " + pop + " does not answer: " + status.error_message(),
                             std::nullopt};
  }

  std::vector<std::string> names_;
  std::map<std::string, std::unique_ptr<v1::Admin::Stub>> stubs_;
};
}  // namespace

std::unique_ptr<api::Pops> make_pop_clients(const config::v1::Events& config) {
  return std::make_unique<PopClients>(config);
}

}  // namespace sluice::server
