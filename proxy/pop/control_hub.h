#pragma once
// ControlHub: which devices are connected, what each was told and what it says it obeys.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "proxy/flow/record.h"
#include "proxy/policy/compile.h"
#include "proxy/pop/control_peer.h"
#include "proxy/pop/flow_notices.h"
#include "proxy/tls/revocations.h"
#include "sluice/control/v1/admin.pb.h"
#include "sluice/control/v1/control.pb.h"

namespace sluice::pop {

class WatchCall;

// The policy in force, as clients are told of it.
struct ControlPolicy {
  std::shared_ptr<const policy::Policy> compiled;
  std::shared_ptr<const config::v1::TenantPolicy> message;
  uint64_t generation = 0;
  std::vector<policy::TimedBypass> timed;
};

struct ControlCounters {
  std::atomic<uint64_t> pushes{0};           // Config messages handed to streams
  std::atomic<uint64_t> acks{0};             // of versions now in force
  std::atomic<uint64_t> refusals{0};         // of versions that a client could not use
  std::atomic<uint64_t> notices{0};          // handed to streams
  std::atomic<uint64_t> notices_dropped{0};  // the device was not connected or too slow
  std::atomic<uint64_t> revoked{0};          // streams ended or refused for a revoked certificate
};

// Thread-safe. Streams register themselves and hold no lock of theirs while they call; the hub holds none of its own
// while it calls a stream. Outlives all streams.
class ControlHub {
 public:
  ControlHub(std::string pop_name, std::string tenant) : pop_name_(std::move(pop_name)), tenant_(std::move(tenant)) {}

  // Everybody connected hears of it at once.
  void set_policy(ControlPolicy policy);
  // Streams of certificates that are now revoked end; null: none are.
  void set_revocations(std::shared_ptr<const tls::Revocations> revocations);
  void notify(const FlowNotice& notice);

  // Whether a device may be served at all: of our tenant, not revoked.
  grpc::Status admit(const ControlPeer& peer);

  // --- a stream's life ---
  void hello(const std::shared_ptr<WatchCall>& call, const ControlPeer& peer,
             const control::v1::WatchRequest::Hello& hello);
  void ack(const WatchCall& call, const ControlPeer& peer, const control::v1::WatchRequest::Ack& ack);
  void gone(const WatchCall& call, const ControlPeer& peer);
  // All streams end.
  void close_all();

  // What the device said of itself; null if it never did. A snapshot for all records of its flows.
  std::shared_ptr<const flow::Device> device(const std::string& device_id) const;
  // Who is in which group, by the policy in force.
  std::shared_ptr<const policy::Policy> policy() const;
  const std::string& tenant() const { return tenant_; }

  std::vector<control::v1::ClientStatus> clients() const;
  size_t connected() const;
  const ControlCounters& counters() const { return counters_; }

 private:
  using Response = std::shared_ptr<const control::v1::WatchResponse>;
  struct Entry {
    std::shared_ptr<WatchCall> call;  // null: not connected
    std::string serial;
    control::v1::ClientStatus status;
    std::shared_ptr<const flow::Device> device;
  };

  Response config_for(Entry& entry);
  void forget_longest_unseen();

  const std::string pop_name_;
  const std::string tenant_;
  ControlCounters counters_;
  mutable std::mutex mutex_;
  ControlPolicy policy_;
  std::map<std::string, Response> configs_;  // by steering configuration, of policy_
  std::shared_ptr<const tls::Revocations> revocations_;
  std::unordered_map<std::string, Entry> entries_;  // by device id; at most clients_remembered_max
  // Flows whose people were told, since a block stands in several records of its flow; emptied when it is full.
  std::unordered_set<std::string> told_;
};

}  // namespace sluice::pop
