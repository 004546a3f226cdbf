#pragma once
// One call of Tail: first the finals after the caller's offset, read from the store, then what is committed live.
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>

#include "events/query/worker_pool.h"
#include "events/store/event_store.h"
#include "events/store/filter.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::query {

struct TailOptions {
  store::Filter filter;
  uint64_t from_offset = 0;  // 0: from now
  bool include_open = false;
};

// The reactor deletes itself when gRPC is done with it, and calls `ended` then. Its steps run in `pool`, one at a time;
// `pool` must have room for one job of each call. Store and pool must outlive the call.
grpc::ServerWriteReactor<events::v1::TailResponse>* start_tail(store::EventStore& store, WorkerPool& pool,
                                                               TailOptions options, std::function<void()> ended);
grpc::ServerWriteReactor<events::v1::TailResponse>* refuse_tail(grpc::Status status);

}  // namespace sluice::query
