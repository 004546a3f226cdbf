#pragma once
// QueryServer: the Query service on a unix socket. Who may open the socket may read the events: mode 0660.
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>

#include "proxy/base/result.h"

namespace sluice::server {

// Any thread.
class QueryServer {
 public:
  // A socket that nobody listens on any more is replaced.
  static base::Result<std::unique_ptr<QueryServer>> start(const std::string& socket,
                                                          std::unique_ptr<grpc::Service> service);
  ~QueryServer();

 private:
  QueryServer() = default;

  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string socket_;
};

}  // namespace sluice::server
