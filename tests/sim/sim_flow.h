#pragma once
// SimFlow: a real flow machine between a simulated client and a simulated origin. It does what a driver does (reads
// only when it may, parks actions behind a Record), and checks the rules of flow/io.h on the way.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/flow/proxy_flow.h"
#include "tests/sim/clock.h"
#include "tests/sim/random.h"

namespace sluice::sim {

using flow::Side;

// A rule of the design was broken. Carries what and where; the seed is printed by who runs the simulation.
struct Broken {
  std::string what;
};
inline void require(bool holds, const std::string& what) {
  if (!holds) throw Broken{what};
}

// What the worker does for its flows.
class FlowHome {
 public:
  virtual void write_record(flow::FlowRecord& record, flow::Record::State state) = 0;
  // records_written() is called when the kernel has everything.
  virtual void wait_for_records(uint64_t flow) = 0;
  virtual Clock& clock() = 0;

 protected:
  virtual ~FlowHome() = default;
};

class SimFlow {
 public:
  SimFlow(FlowHome& home, uint64_t id, Random random, std::shared_ptr<const flow::Settings> settings);

  uint64_t id() const { return id_; }
  flow::FlowRecord& record() { return machine_.record(); }
  bool closed() const { return closed_; }
  // For a new segment: the counters as they are now.
  void refresh_record();

  void open() { deliver(flow::Opened{}); }
  // One thing happens: an end of the world outside moves, or a deadline has come.
  void live();
  void records_written();
  void shutdown() {
    if (!closed_ && !machine_.done()) deliver(flow::Shutdown{flow::CloseReason::kDrain, bytes()});
    service();
  }
  void reconfigure(std::shared_ptr<const flow::Settings> settings) {
    if (!closed_ && !machine_.done()) deliver(flow::PolicyChanged{std::move(settings), bytes()});
    service();
  }

 private:
  // One end's connection as the kernel holds it.
  struct End {
    std::string arrived;  // not yet read
    bool fin = false;
    bool reset = false;
    bool ended = false;    // the machine (or the splice) knows of the end
    uint8_t holds = 0;     // reasons not to read
    std::string received;  // what the peer got of us
    bool told_end = false;
  };
  enum class Dialling : uint8_t { kNo, kUnderWay, kConnected };

  void plan();
  void client_acts();
  void origin_acts();
  void answer_dial();
  void deliver(flow::Input input);
  void perform(flow::Outbox& actions);
  void perform(flow::Action&& action);
  void service();
  bool read_once(Side side);
  void pump();
  bool pump_from(Side side);
  void end_splice(flow::CloseReason reason);
  void check_end();
  void leave(Side side, std::string_view what);
  flow::SpliceBytes bytes() const;
  End& end(Side side) { return ends_[static_cast<size_t>(side)]; }

  FlowHome& home_;
  const uint64_t id_;
  Random random_;
  flow::ProxyFlow machine_;

  std::string request_;        // CONNECT or SOCKS, then `payload_`
  std::string payload_;        // what the client says inside
  size_t sent_ = 0;            // of request_ + payload_
  size_t payload_read_ = 0;    // of payload_, read by the proxy
  size_t head_left_ = 0;       // of request_, not yet read by the proxy
  std::string origin_script_;  // what the origin says
  size_t origin_sent_ = 0;
  bool client_silent_ = false, origin_silent_ = false;

  std::array<End, 2> ends_;
  Dialling dialling_ = Dialling::kNo;
  uint64_t dials_ = 0;
  base::Time dial_answer_{};
  bool authenticating_ = false;
  bool splicing_ = false;
  flow::SpliceBytes spliced_;
  base::Time moved_{};
  base::Duration idle_{};
  std::optional<Side> first_end_;
  flow::Outbox parked_;
  std::vector<flow::Input> inbox_;
  bool handling_ = false;
  bool waiting_ = false;
  bool record_begun_ = false;
  bool final_written_ = false;
  bool closed_ = false;
};

}  // namespace sluice::sim
