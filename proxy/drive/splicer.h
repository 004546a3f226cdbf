#pragma once
// Splicer: moves bytes between two streams, both ways, until both have ended, without anyone looking at them. Small
// flows are copied through the worker's buffer; between plain sockets a direction that fills the buffer goes on through
// a kernel pipe (splice(2)) until it is quiet again. Back-pressure is not reading: what one side does not take, the
// other keeps. Owned by its FlowDriver; the streams are borrowed from it.
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "proxy/base/chunk.h"
#include "proxy/base/time.h"
#include "proxy/drive/pipe_pool.h"
#include "proxy/flow/io.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

namespace sluice::drive {

class Splicer {
 public:
  struct End {
    flow::CloseReason reason = flow::CloseReason::kUnspecified;
    // The side that died without FIN; the other one must be told by a reset, not by an ordinary end.
    std::optional<flow::Side> reset;
  };

  Splicer(net::Stream& client, net::Stream& origin, PipePool& pipes, std::span<uint8_t> buffer, flow::Splice&& splice,
          base::Time now);
  ~Splicer();
  Splicer(const Splicer&) = delete;
  Splicer& operator=(const Splicer&) = delete;

  // Moves what can be moved now. The end, once there is one.
  std::optional<End> run(base::Time now);
  // run() stopped for fairness: call it again without waiting for an event.
  bool wants_turn() const { return up_.wants_turn || down_.wants_turn; }

  flow::SpliceBytes bytes() const { return {up_.received, down_.sent}; }
  base::Time deadline() const;
  flow::CloseReason deadline_reason() const;

 private:
  // One direction.
  struct Pump {
    Pump(net::Stream& source, net::Stream& sink, base::Chunk held, bool source_ended)
        : from(&source), to(&sink), pending(std::move(held)), received(pending.size()), ended(source_ended) {}

    net::Stream* from;
    net::Stream* to;
    base::Chunk pending;         // read, not yet written
    std::unique_ptr<Pipe> pipe;  // when in bulk
    size_t piped = 0;            // bytes in the pipe
    uint64_t received;
    uint64_t sent = 0;
    bool ended;                // `from` sent FIN
    bool finished = false;     // and `to` was told
    bool source_dead = false;  // `from` was reset
    bool sink_dead = false;    // `to` takes nothing any more
    bool wants_turn = false;
  };

  void run(Pump& pump);
  bool flush(Pump& pump);
  void finish(Pump& pump);
  bool copy(Pump& pump);
  bool splice(Pump& pump);
  void note_source(Pump& pump, const net::IoResult& result);
  void drop_pipe(Pump& pump);
  std::optional<End> end() const;

  PipePool& pipes_;
  std::span<uint8_t> buffer_;
  base::Duration idle_;
  base::Duration half_open_;
  bool plain_;  // sockets on both sides: the kernel can move the bytes
  base::Time last_moved_;
  flow::Side first_ended_ = flow::Side::kClient;
  Pump up_;    // client to origin
  Pump down_;  // origin to client
};

}  // namespace sluice::drive
