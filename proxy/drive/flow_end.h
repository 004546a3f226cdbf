#pragma once
// FlowEnd: one connection of a flow, as its driver keeps it.
#include <memory>

#include "proxy/base/chunk.h"
#include "proxy/net/stream.h"

namespace sluice::drive {

struct FlowEnd {
  std::unique_ptr<net::Stream> stream;
  base::Chunk unsent;
  uint8_t holds = 0;       // set of HoldReason
  bool end_write = false;  // FIN when `unsent` is gone
  bool tell_sent = false;  // the machine wants to hear of that
  bool read_ended = false;
  bool abort = false;  // RST when it is closed
};

}  // namespace sluice::drive
