#pragma once
// AdminServer: sluice.control.v1.Admin on a unix socket, for sluicectl. The file's permission is the authority.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "sluice/control/v1/admin.grpc.pb.h"

namespace sluice::pop {

class Pop;

// Turns calls into Pop's. Runs on gRPC's threads; a call may wait for the disk and for another change.
class AdminService : public control::v1::Admin::CallbackService {
 public:
  explicit AdminService(Pop& pop) : pop_(pop) {}

  grpc::ServerUnaryReactor* AddBypass(grpc::CallbackServerContext* context,
                                      const control::v1::AddBypassRequest* request,
                                      control::v1::TimedBypass* response) override;
  grpc::ServerUnaryReactor* ListBypasses(grpc::CallbackServerContext* context,
                                         const control::v1::ListBypassesRequest* request,
                                         control::v1::ListBypassesResponse* response) override;
  grpc::ServerUnaryReactor* DeleteBypass(grpc::CallbackServerContext* context,
                                         const control::v1::DeleteBypassRequest* request,
                                         control::v1::TimedBypass* response) override;
  grpc::ServerUnaryReactor* ApplyPolicy(grpc::CallbackServerContext* context,
                                        const control::v1::ApplyPolicyRequest* request,
                                        control::v1::ApplyPolicyResponse* response) override;
  grpc::ServerUnaryReactor* RollbackPolicy(grpc::CallbackServerContext* context,
                                           const control::v1::RollbackPolicyRequest* request,
                                           control::v1::ApplyPolicyResponse* response) override;
  grpc::ServerUnaryReactor* CheckPolicy(grpc::CallbackServerContext* context,
                                        const control::v1::CheckPolicyRequest* request,
                                        control::v1::CheckPolicyResponse* response) override;
  grpc::ServerUnaryReactor* PolicyHistory(grpc::CallbackServerContext* context,
                                          const control::v1::PolicyHistoryRequest* request,
                                          control::v1::PolicyHistoryResponse* response) override;
  grpc::ServerUnaryReactor* GetPolicy(grpc::CallbackServerContext* context,
                                      const control::v1::GetPolicyRequest* request,
                                      control::v1::PolicySource* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const control::v1::GetStatusRequest* request,
                                      control::v1::PopStatus* response) override;

 private:
  Pop& pop_;
};

// Made by the main thread when the rest of Pop is there, destroyed before it.
class AdminServer {
 public:
  static base::Result<std::unique_ptr<AdminServer>> start(const std::string& socket, Pop& pop);
  ~AdminServer();

 private:
  AdminServer(std::string socket, Pop& pop) : socket_(std::move(socket)), service_(pop) {}

  const std::string socket_;
  AdminService service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::pop
