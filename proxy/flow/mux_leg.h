#pragma once
// MuxLeg: one connection to the origin of an HTTP/2 client: the only one where the origin speaks HTTP/2 too, else one
// of a few of HTTP/1.1.
#include <memory>
#include <unordered_map>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/flow/io.h"
#include "proxy/flow/mux_stream.h"
#include "proxy/http/origin_session.h"

namespace sluice::flow {

// How much of what was made for one side is on its way.
struct Outlet {
  size_t taken = 0;      // bytes sent since the driver had sent everything
  bool waiting = false;  // for Sent
};

//   kNone --a request--> kDialing --> kSecuring --> kOpen --GOAWAY, closed, idle--> kNone
// Owned by Multiplexing.
struct MuxLeg {
  enum class State : uint8_t { kNone, kDialing, kSecuring, kOpen };

  explicit MuxLeg(LegIndex number) : index(number) {}
  bool opening() const { return state == State::kDialing || state == State::kSecuring; }
  bool rests() const { return state == State::kOpen && streams.empty(); }

  LegIndex index;
  State state = State::kNone;
  std::unique_ptr<http::OriginSession> session;  // while kOpen
  Outlet outlet;
  std::unordered_map<http::StreamId, MuxStream*> streams;  // by its numbers
  base::Endpoint address;
  bool http2 = false;
  bool used = false;     // it has answered before
  bool leaving = false;  // it said GOAWAY
  bool heard = false;    // its SETTINGS have come
  bool held = false;     // its reading
  base::Time idle_since{};
  base::Time secured_by{};
};

}  // namespace sluice::flow
