#include "proxy/report/grpc_threads.h"

#include <grpcpp/grpcpp.h>

#include "proxy/tls/library.h"

namespace sluice::report {

GrpcThreads::GrpcThreads() {
  tls::stay_until_the_end();
  grpc_init();
}

GrpcThreads::~GrpcThreads() {
  grpc_shutdown_blocking();
}

}  // namespace sluice::report
