#pragma once
// ControlClient: holds WatchConfig open to a PoP, keeps the policy that it receives, and tells what it hears.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/policy/policy.h"
#include "proxy/report/tls_files.h"
#include "sluice/config/v1/policy.pb.h"
#include "sluice/control/v1/control.pb.h"

namespace grpc {
class ClientContext;
}

namespace sluice::client {

// A policy that this client shall obey from now on, for new flows.
struct ReceivedPolicy {
  std::shared_ptr<const policy::Policy> policy;  // named with the PoP's policy_version
  config::v1::TenantPolicy message;              // that it was made of
  std::string pop;
  uint64_t generation = 0;
};

struct ControlPop {
  std::string address;  // host:port of its control service
  report::TlsFiles tls;
};

struct ControlOptions {
  std::vector<ControlPop> pops;               // in order of preference
  control::v1::WatchRequest::Hello device{};  // what to say of this machine; applied_version is filled in
  std::string last_good_file;                 // keeps the last policy for starts without a PoP; "" = nothing is kept
  uint64_t seed = 0;                          // of the back-off jitter; 0 = random
};

// Called on the client's own thread, one at a time: post them to a loop. None is called after the destructor.
struct ControlHandlers {
  std::function<void(ReceivedPolicy)> on_policy;
  std::function<void(control::v1::FlowNotice)> on_notice;
  std::function<void(bool connected, const std::string& why)> on_connection;  // `why` not: one sentence
};

// Owns one thread; gRPC blocks only there. Reconnects for ever, with jitter, the PoPs in their order. A policy is taken
// from another PoP than the last one's only with a higher generation; one that does not compile is refused to the PoP
// and the last one stays.
class ControlClient {
 public:
  // Hands over the policy kept on disk, if any, before it connects.
  static base::Result<std::unique_ptr<ControlClient>> start(ControlOptions options, ControlHandlers handlers);
  ~ControlClient();
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

 private:
  struct Stubs;

  ControlClient(ControlOptions options, ControlHandlers handlers);
  void run();
  void load_last_good();
  // One stream from Hello to its end; true when it brought something.
  bool watch(size_t pop);
  // "" or why the policy is not taken.
  std::string take(const control::v1::Config& config);
  bool wait(base::Duration duration);  // false: we stop

  const ControlOptions options_;
  const ControlHandlers handlers_;
  std::unique_ptr<Stubs> stubs_;
  std::mt19937_64 random_;
  std::string pop_;  // whose policy is in force
  uint64_t generation_ = 0;
  std::string version_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  grpc::ClientContext* context_ = nullptr;  // of the open stream
  std::thread thread_;
};

}  // namespace sluice::client
