#pragma once
// MuxStream: one exchange among the many of an HTTP/2 connection.
#include <list>
#include <memory>

#include "proxy/base/chunk.h"
#include "proxy/flow/record.h"
#include "proxy/http/message.h"
#include "proxy/http/session_event.h"

namespace sluice::flow {

struct MuxLeg;
struct MuxStream;
// Least recently moved first: the front is the next to time out.
using MuxOrder = std::list<MuxStream*>;

// From the head of its request until both directions have ended. Owned by Multiplexing.
struct MuxStream {
  http::StreamId id = 0;         // the client's
  MuxLeg* leg = nullptr;         // that carries it on; null: none (yet, or any more)
  http::StreamId origin_id = 0;  // its number there
  std::shared_ptr<FlowRecord> record;
  http::Request request;

  // What came before the origin was there.
  base::Chunk held;
  http::Fields held_trailers;

  bool left = false;            // the request was sent to the origin, at least its head
  bool undecided = false;       // policy waits for the origin's address
  bool request_ended = false;   // by the client
  bool response_begun = false;  // its final head was sent to the client
  bool response_ended = false;  // the origin has said everything
  bool tried_again = false;

  base::Time moved_at{};
  base::Time noted_at{};  // the last record
  MuxOrder::iterator place{};
};

}  // namespace sluice::flow
