#pragma once
// One call of Tail: first the finals after the caller's offset, read from the store, then what is committed live. Its
// answers are bytes that tails share (tail_texts.h): a TailResponse is some records, made once, and behind them what is
// this call's own.
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <string>

#include "events/query/tail_texts.h"
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
// `texts` are those of append_tail_record, and outlive the call too.
grpc::ServerWriteReactor<grpc::ByteBuffer>* start_tail(store::EventStore& store, TailTexts& texts, WorkerPool& pool,
                                                       TailOptions options, std::function<void()> ended);
grpc::ServerWriteReactor<grpc::ByteBuffer>* refuse_tail(grpc::Status status);
// A record as a field of TailResponse.
void append_tail_record(std::string& out, const store::SharedRecord& record);

}  // namespace sluice::query
