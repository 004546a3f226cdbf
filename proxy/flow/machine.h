#pragma once
// Machine: what a driver needs of a flow. ProxyFlow is the PoP's and the explicit proxy's, SteerFlow the steering
// client's.
#include <functional>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/flow/io.h"
#include "proxy/flow/record.h"

namespace sluice::flow {

// It performs nothing: it takes an input and the time, and appends actions (io.h). Never re-entered, never blocks,
// never throws. Not thread-safe. Owned by its driver.
class Machine {
 public:
  virtual ~Machine() = default;
  // Takes one input and appends what must be done, in order. Not after Close.
  virtual void handle(Input&& input, base::Time now, Outbox& out) = 0;
  // When to send Tick; asked again after every handle().
  virtual std::optional<base::Time> deadline() const = 0;
  virtual bool done() const = 0;  // Close was asked for
  virtual FlowRecord& record() = 0;
  // Every record that is not final yet; record() unless others have taken its place.
  virtual void each_record(const std::function<void(FlowRecord&)>& visit) { visit(record()); }
};

}  // namespace sluice::flow
