#pragma once
// GrpcThreads: while it lives gRPC may be used; afterwards none of its threads is left. Made once signals are blocked
// and before all that uses gRPC, so the last to go: a thread that outlives main meets statics that are destroyed, and
// OpenSSL's among them crash it.
namespace sluice::report {

class GrpcThreads {
 public:
  GrpcThreads();
  ~GrpcThreads();  // every channel, server and stream must be gone
  GrpcThreads(const GrpcThreads&) = delete;
  GrpcThreads& operator=(const GrpcThreads&) = delete;
};

}  // namespace sluice::report
