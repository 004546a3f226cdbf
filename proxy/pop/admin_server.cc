#include "proxy/pop/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "proxy/pop/limits.h"
#include "proxy/pop/pop.h"

namespace sluice::pop {

namespace v1 = control::v1;

namespace {

// The answer, or the error in the words that are for whoever asked.
template <class Response, class T>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, Response* response, base::Result<T> result) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (result) {
    *response = *std::move(result);
    reactor->Finish(grpc::Status::OK);
  } else {
    reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, result.error().message});
  }
  return reactor;
}

// A socket file that nobody answers at is left over from a run that was killed.
bool is_alive(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool alive = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) ::close(fd);
  return alive;
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::AddBypass(grpc::CallbackServerContext* context,
                                                  const v1::AddBypassRequest* request, v1::TimedBypass* response) {
  return answer(context, response, pop_.add_bypass(*request));
}

grpc::ServerUnaryReactor* AdminService::ListBypasses(grpc::CallbackServerContext* context,
                                                     const v1::ListBypassesRequest*,
                                                     v1::ListBypassesResponse* response) {
  return answer(context, response, base::Result<v1::ListBypassesResponse>(pop_.bypasses()));
}

grpc::ServerUnaryReactor* AdminService::DeleteBypass(grpc::CallbackServerContext* context,
                                                     const v1::DeleteBypassRequest* request,
                                                     v1::TimedBypass* response) {
  return answer(context, response, pop_.delete_bypass(*request));
}

grpc::ServerUnaryReactor* AdminService::ApplyPolicy(grpc::CallbackServerContext* context,
                                                    const v1::ApplyPolicyRequest* request,
                                                    v1::ApplyPolicyResponse* response) {
  return answer(context, response, pop_.apply_policy(*request));
}

grpc::ServerUnaryReactor* AdminService::RollbackPolicy(grpc::CallbackServerContext* context,
                                                       const v1::RollbackPolicyRequest* request,
                                                       v1::ApplyPolicyResponse* response) {
  return answer(context, response, pop_.rollback_policy(*request));
}

grpc::ServerUnaryReactor* AdminService::CheckPolicy(grpc::CallbackServerContext* context,
                                                    const v1::CheckPolicyRequest* request,
                                                    v1::CheckPolicyResponse* response) {
  return answer(context, response, pop_.check_policy(*request));
}

grpc::ServerUnaryReactor* AdminService::PolicyHistory(grpc::CallbackServerContext* context,
                                                      const v1::PolicyHistoryRequest*,
                                                      v1::PolicyHistoryResponse* response) {
  return answer(context, response, pop_.policy_history());
}

grpc::ServerUnaryReactor* AdminService::GetPolicy(grpc::CallbackServerContext* context,
                                                  const v1::GetPolicyRequest* request, v1::PolicySource* response) {
  return answer(context, response, pop_.policy_source(request->number()));
}

grpc::ServerUnaryReactor* AdminService::GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
                                                  v1::PopStatus* response) {
  return answer(context, response, base::Result<v1::PopStatus>(pop_.status()));
}

base::Result<std::unique_ptr<AdminServer>> AdminServer::start(const std::string& socket, Pop& pop) {
  if (is_alive(socket)) return base::Error{"admin.socket " + socket + " is in use by another process"};
  struct stat about {};
  if (lstat(socket.c_str(), &about) == 0 && !S_ISSOCK(about.st_mode)) {
    return base::Error{"admin.socket " + socket + " exists and is not a socket"};
  }
  unlink(socket.c_str());
  std::unique_ptr<AdminServer> admin(new AdminServer(socket, pop));
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&admin->service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(admin_message_bytes_max));
  // Nobody else may open it in the moment between its making and a chmod.
  const mode_t before = umask(0117);
  admin->server_ = builder.BuildAndStart();
  umask(before);
  if (!admin->server_) return base::Error{"admin.socket: cannot listen on " + socket};
  return admin;
}

AdminServer::~AdminServer() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now() + control_stop_grace);
  server_->Wait();
  unlink(socket_.c_str());
}

}  // namespace sluice::pop
