#pragma once
// What a device may say about itself, and what its PoP says instead: records on their way to the event store. Pure.
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/flow/record.h"
#include "proxy/policy/policy.h"
#include "proxy/tls/identity.h"
#include "sluice/events/v1/ingest.pb.h"

namespace sluice::pop {

// Who sent the records, by its certificate and its connection.
struct RelaySource {
  tls::DeviceIdentity identity;
  std::string egress_ip;
  std::shared_ptr<const flow::Device> device;      // null: it has not said
  std::shared_ptr<const policy::Policy> policy{};  // null: none; knows groups and units
};

struct Stamped {
  uint64_t passed = 0;
  uint64_t refused = 0;  // records that a device may not send; their sequences travel empty
  std::string why;       // the first was refused
};

// Rewrites the records of a batch in place: tenant, user, device, egress address and what follows from them are ours to
// say. A page event passes only as a client's own view of a bypass, drop or block; gaps and notices pass; anything else
// is refused. A batch that cannot be read becomes one that every store refuses as corrupt, so that the answer and its
// sequence are the store's.
Stamped stamp_batch(const RelaySource& source, events::v1::PublishRequest::Batch& batch);

}  // namespace sluice::pop
