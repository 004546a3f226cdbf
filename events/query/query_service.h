#pragma once
// The gRPC service `sluice.events.v1.Query` over an event store.
#include <memory>

namespace grpc {
class Service;
}
namespace sluice::store {
class EventStore;
class Registry;
}  // namespace sluice::store

namespace sluice::query {

// Register it with a gRPC server; shut that server down with a deadline (streams of Tail end only when cancelled), then
// destroy the service, then the store. It owns its threads: no call blocks one of gRPC's.
// Without a registry there are no tokens to administer.
std::unique_ptr<grpc::Service> make_query_service(store::EventStore& store, store::Registry* registry);

}  // namespace sluice::query
