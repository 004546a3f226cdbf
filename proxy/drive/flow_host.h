#pragma once
// FlowHost: what a flow's driver needs from the worker it lives on. One per worker; the worker outlives its drivers.
#include <memory>
#include <span>
#include <string>

#include "proxy/drive/dialer.h"
#include "proxy/drive/handshake_queue.h"
#include "proxy/drive/interception.h"
#include "proxy/drive/pipe_pool.h"
#include "proxy/flow/io.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace sluice::drive {

class FlowDriver;

// Payload of the client's socket, head and replies included; with the record's bytes it gives the overhead.
struct FlowTotals {
  uint64_t client_in = 0;
  uint64_t client_out = 0;
};

class FlowHost {
 public:
  FlowHost(net::Loop& host_loop, net::Resolver& host_resolver, std::span<uint8_t> copy_buffer)
      : loop(host_loop), resolver(host_resolver), buffer(copy_buffer), handshakes(host_loop) {}

  // Gives a new flow its event id.
  virtual void begin_event(flow::FlowRecord& record) = 0;
  // Puts the record into this turn's write to the spool.
  virtual void write_record(flow::FlowRecord& record, flow::Record::State state) = 0;
  // Calls driver.records_written() once the kernel has every record handed over so far; before this turn ends, unless
  // the disk refuses.
  virtual void wait_for_records(FlowDriver& driver) = 0;
  // Checks the password off the loop and calls driver.authenticated(), unless `alive` expired meanwhile.
  virtual void authenticate(FlowDriver& driver, std::weak_ptr<void> alive, std::string user, std::string password) = 0;
  // Through the tunnel of a steering client; a PoP has none, and no machine of it asks.
  virtual std::unique_ptr<Dialling> dial_tunnel(flow::Dial&& dial, DialHandler& handler) = 0;
  // What a steering client decided, for its log; no machine of a PoP announces.
  virtual void announce(FlowDriver& driver, policy::Line line) = 0;
  // A TLS handshake of a flow has ended, well or not.
  virtual void count_handshake(flow::Side, base::Duration) {}
  // The flow is over and its sockets are closed: the driver must be destroyed, but not before it has returned.
  virtual void flow_ended(FlowDriver& driver, flow::CloseReason reason, const FlowTotals& totals) = 0;

  net::Loop& loop;
  net::Resolver& resolver;
  PipePool pipes;
  std::span<uint8_t> buffer;  // copy_buffer_bytes, shared by all flows of the worker
  flow::Outbox outbox;        // scratch
  HandshakeQueue handshakes;
  std::shared_ptr<Interception> interception;  // null where nothing is decrypted

 protected:
  virtual ~FlowHost() = default;
};

}  // namespace sluice::drive
