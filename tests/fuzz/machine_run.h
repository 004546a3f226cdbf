#pragma once
// What fuzz targets of flow machines have in common: a machine, its clock and its turns, and the rules that hold for
// each of them whatever comes. A target plays the driver: it derives from MachineRun and hears each action.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/flow/proxy_flow.h"
#include "tests/unit/wire/hello_builder.h"

namespace sluice::flow::test {

class MachineRun {
 public:
  virtual ~MachineRun() = default;
  bool done() const { return machine_->done(); }

 protected:
  MachineRun() = default;
  MachineRun(const MachineRun&) = delete;
  MachineRun& operator=(const MachineRun&) = delete;

  // One action of a turn, in order.
  virtual void note(const Action& action) = 0;

  void give(Input input) {
    if (machine_->done()) return;
    Outbox out;
    machine_->handle(std::move(input), now_, out);
    bool resume = false;
    for (const Action& action : out) {
      SLUICE_ASSERT(!closed_);  // nothing after Close
      closed_ = std::holds_alternative<Close>(action);
      resume = resume || std::holds_alternative<Resume>(action);
      note(action);
    }
    SLUICE_ASSERT(machine_->done() == closed_);
    SLUICE_ASSERT(machine_->record().close_reason != CloseReason::kInternalError);
    if (resume) give(Resumed{});
  }
  void give_bytes(Side side, std::string_view bytes, LegIndex leg = 0) {
    if (!bytes.empty()) give(Received{side, base::Chunk::copy_of(bytes), leg});
  }
  // Time passes until the machine wants to be asked; false when it does not.
  bool tick() {
    const auto deadline = machine_->deadline();
    if (!deadline) return false;
    now_ = std::max(now_, *deadline);
    give(Tick{});
    return true;
  }

  static base::Endpoint client_address() { return *base::Endpoint::parse("192.0.2.1:1"); }

  base::Time now_{base::Duration(1'000'000)};
  std::unique_ptr<Machine> machine_;

 private:
  bool closed_ = false;
};

// A machine of the PoP. Every event of it has one final record, and none after that.
class ProxyRun : public MachineRun, private EventIds {
 protected:
  static Settings settings() {
    Settings made;
    made.pop_name = "fuzz";
    made.allow_any_source = true;
    return made;
  }
  void make(Settings made) {
    auto machine = std::make_unique<ProxyFlow>(std::make_shared<const Settings>(std::move(made)), client_address(),
                                               now_, base::WallTime{});
    machine->use_event_ids(*this);
    machine_ = std::move(machine);
  }
  // A CONNECT whose TLS ends here, up to both handshakes: the client agreed on `client_alpn`, the origin on the other.
  void make_inside(const char* client_alpn, const char* origin_alpn) {
    Settings made = settings();
    made.interception = true;
    make(std::move(made));
    give(Opened{});
    give_bytes(Side::kClient, "CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    give(connected());
    const auto hello = wire::test::record(wire::test::hybrid_hello("a.example").message());
    give_bytes(Side::kClient, std::string(hello.begin(), hello.end()));
    give(OriginSecured{agreed(origin_alpn), false, {}});
    give(ClientSecured{agreed(client_alpn), true});
  }
  static Handshake agreed(const char* alpn) {
    Handshake handshake;
    handshake.alpn = alpn;
    return handshake;
  }
  static DialDone connected(LegIndex leg = 0) {
    return {CloseReason::kUnspecified, *base::Endpoint::parse("203.0.113.7:443"), {}, {}, leg};
  }

  void note_record(const Record& record) {
    const FlowRecord& of = record.of ? *record.of : machine_->record();
    begun_.insert(of.event_counter);
    SLUICE_ASSERT(!ended_.contains(of.event_counter));
    if (record.state == Record::State::kClosed) ended_.insert(of.event_counter);
  }
  bool all_events_ended() const { return begun_ == ended_; }

 private:
  uint64_t next_event_counter() override { return ++event_counter_; }

  uint64_t event_counter_ = 1;
  std::set<uint64_t> begun_, ended_;
};

// The first bytes of what is on its way arrive.
template <class Take>
void move_some(std::string& from, size_t bytes_max, const Take& take) {
  if (from.empty()) return;
  const std::string bytes = from.substr(0, bytes_max);
  from.erase(0, bytes.size());
  take(bytes);
}

// Pairs of (kind, argument) as inputs for a driver that checks: kinds that carry bytes take `argument` bytes that
// follow.
template <class Driver>
void drive(Driver& driver, base::ByteView bytes) {
  while (bytes.size() >= 2 && !driver.done()) {
    const uint8_t kind = bytes[0] % 8;
    const uint8_t argument = bytes[1];
    bytes = bytes.subspan(2);
    const auto taken = bytes.first(kind < 3 ? std::min<size_t>(argument, bytes.size()) : 0);
    bytes = bytes.subspan(taken.size());
    switch (kind) {
      case 0:
      case 1: driver.received(Side::kClient, taken); break;
      case 2: driver.received(Side::kOrigin, taken); break;
      case 3: driver.ended(Side::kClient, (argument & 1) != 0); break;
      case 4: driver.ended(Side::kOrigin, (argument & 1) != 0); break;
      case 5: driver.answer(argument); break;
      case 6: driver.pass_time(); break;
      default: driver.shutdown(); break;
    }
  }
}

}  // namespace sluice::flow::test
