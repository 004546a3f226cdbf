// The whole flow: bytes choose inputs as a driver could give them; the actions must keep the rules of flow/io.h.
// Input: a byte of options (32: this PoP decrypts; 16: a connection that was turned over to us; 8: a tunnel; then a
// byte with the number of bytes behind the CONNECT, which stand at the end), then pairs of (kind, argument) bytes;
// kinds that carry bytes take `argument` bytes that follow.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/base/assert.h"
#include "proxy/flow/proxy_flow.h"

namespace {

using namespace sluice;
using namespace sluice::flow;

// Plays the driver: keeps its side of the contract and checks the machine's.
class Checker : private EventIds {
 public:
  Checker(uint8_t options, base::ByteView early) {
    Settings settings;
    settings.pop_name = "fuzz";
    settings.allow_any_source = (options & 1) == 0;
    settings.authentication = (options & 2) != 0;
    settings.transparent = (options & 16) != 0;
    settings.interception = (options & 32) != 0;
    settings.timeouts.total = base::Duration((options & 4) != 0 ? 10'000 : 0);
    machine_ = std::make_unique<ProxyFlow>(std::make_shared<const Settings>(settings),
                                           *base::Endpoint::parse("192.0.2.1:1"), now_, base::WallTime{});
    machine_->use_event_ids(*this);
    Opened opened;
    if (settings.transparent) opened.original_destination = *base::Endpoint::parse("203.0.113.7:443");
    if ((options & 8) != 0 && !settings.transparent) {  // a CONNECT of a tunnel, with what stands behind it
      opened.tunnel = std::make_shared<TunnelEnd>();
      opened.request = ConnectRequest{"example.com:443", {{"sluice-process", "fuzz"}}};
      opened.early = base::Chunk::copy_of(early);
      client_in_ += base::as_text(early);
    }
    give(std::move(opened));
  }

  bool done() const { return machine_->done(); }

  void received(Side side, base::ByteView bytes) {
    if (bytes.empty() || !may_come(side)) return;
    if (side == Side::kClient) client_in_ += base::as_text(bytes);
    give(Received{side, base::Chunk::copy_of(bytes)});
  }
  void ended(Side side, bool reset) {
    const size_t i = static_cast<size_t>(side);
    if (!may_come(side)) return;
    ended_[i] = true;
    if (reset) {
      give(Reset{side});
    } else {
      give(ReadEnded{side, side == Side::kOrigin && secured_});
    }
  }
  void answer(uint8_t argument) {
    if (authenticating_) {
      authenticating_ = false;
      give(AuthDone{(argument & 1) != 0});
    } else if (dialling_) {
      dialling_ = false;
      connected_ = (argument & 1) != 0;
      ended_[1] = false;
      DialDone result;
      if (!connected_) result.failure = CloseReason::kConnectRefused;
      give(std::move(result));
    } else if (securing_[1]) {
      securing_[1] = false;
      secured_ = true;
      OriginSecured result;
      result.handshake.failed = (argument & 1) == 0;
      result.wants_certificate = (argument & 2) != 0;
      if ((argument & 4) != 0) result.verdict.errors.add(tls::CertificateError::kExpired);
      give(std::move(result));
    } else if (securing_[0]) {
      securing_[0] = false;
      ClientSecured result;
      result.handshake.failed = (argument & 1) == 0;
      give(std::move(result));
    } else if (spliced_) {
      spliced_ = false;
      ended_[0] = ended_[1] = true;
      give(SpliceEnded{{}, CloseReason::kClientClosed});
    }
  }
  void tick() {
    if (const auto deadline = machine_->deadline()) {
      now_ = std::max(now_, *deadline);
      give(Tick{});
    }
  }
  void shutdown() { give(Shutdown{CloseReason::kDrain, {}}); }

 private:
  uint64_t next_event_counter() override { return ++event_counter_; }

  // Whether the driver would read this side.
  bool may_come(Side side) const {
    const auto i = static_cast<size_t>(side);
    return !ended_[i] && !spliced_ && !securing_[i] && !held_[i] && (side == Side::kClient || connected_);
  }

  void give(Input input) {
    if (machine_->done()) return;
    Outbox out;
    machine_->handle(std::move(input), now_, out);
    bool resume = false;
    for (const Action& action : out) {
      check(action);
      resume = resume || std::holds_alternative<Resume>(action);
    }
    SLUICE_ASSERT(machine_->done() == closed_);
    SLUICE_ASSERT(machine_->record().close_reason != CloseReason::kInternalError);
    if (resume) give(Resumed{});
  }
  void check(const Action& action) {
    SLUICE_ASSERT(!closed_);  // nothing after Close
    if (const auto* record = std::get_if<Record>(&action)) {
      if (machine_->record().event_counter != recorded_event_) final_record_ = false;
      recorded_event_ = machine_->record().event_counter;
      SLUICE_ASSERT(!final_record_);  // one final record of each event, nothing after it
      final_record_ = record->state == Record::State::kClosed;
    } else if (std::holds_alternative<Authenticate>(action)) {
      SLUICE_ASSERT(!authenticating_ && !dialling_);
      authenticating_ = true;
    } else if (std::holds_alternative<Dial>(action)) {
      SLUICE_ASSERT(!dialling_ && !spliced_);
      dialling_ = true;
      // The new connection is another one.
      connected_ = secured_ = ended_[1] = held_[1] = securing_[1] = false;
    } else if (std::holds_alternative<HangUp>(action)) {
      SLUICE_ASSERT(connected_);
      connected_ = securing_[1] = secured_ = held_[1] = false;
    } else if (std::holds_alternative<SecureOrigin>(action)) {
      SLUICE_ASSERT(connected_ && !securing_[1] && !secured_);
      securing_[1] = true;
    } else if (const auto* secure = std::get_if<SecureClient>(&action)) {
      SLUICE_ASSERT(connected_ && secured_ && !securing_[0]);
      SLUICE_ASSERT(client_in_.ends_with(secure->held.text()));
      securing_[0] = true;
    } else if (const auto* hold = std::get_if<HoldRead>(&action)) {
      held_[static_cast<size_t>(hold->side)] = true;
    } else if (const auto* release = std::get_if<ReleaseRead>(&action)) {
      held_[static_cast<size_t>(release->side)] = false;
    } else if (const auto* send = std::get_if<Send>(&action)) {
      SLUICE_ASSERT(send->side == Side::kClient || (connected_ && !dialling_));
    } else if (const auto* splice = std::get_if<Splice>(&action)) {
      SLUICE_ASSERT(connected_ && !spliced_);
      spliced_ = true;
      // What goes to the origin is the end of what the client sent, whole and in order.
      SLUICE_ASSERT(client_in_.ends_with(splice->to_origin.text()));
      SLUICE_ASSERT(machine_->record().client_bytes == splice->to_origin.size());
    } else if (std::holds_alternative<Close>(action)) {
      closed_ = true;
    }
  }

  base::Time now_{base::Duration(1'000'000)};
  std::unique_ptr<ProxyFlow> machine_;
  uint64_t event_counter_ = 1;
  std::string client_in_;
  bool ended_[2] = {false, false};     // client, origin
  bool securing_[2] = {false, false};  // whose handshake goes on
  bool held_[2] = {false, false};
  uint64_t recorded_event_ = 0;
  bool authenticating_ = false, dialling_ = false, connected_ = false, secured_ = false;
  bool spliced_ = false, final_record_ = false, closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t early = (data[0] & 8) != 0 && size > 1 ? std::min<size_t>(data[1], size - 2) : 0;
  Checker checker(data[0], {data + size - early, early});
  size -= early;
  size_t at = (data[0] & 8) != 0 ? 2 : 1;
  while (at + 1 < size && !checker.done()) {
    const uint8_t kind = data[at];
    const uint8_t argument = data[at + 1];
    at += 2;
    if (kind % 8 < 3) {
      const size_t count = std::min<size_t>(argument, size - at);
      checker.received(kind % 8 < 2 ? Side::kClient : Side::kOrigin, {data + at, count});
      at += count;
    } else if (kind % 8 == 3) {
      checker.ended(Side::kClient, (argument & 1) != 0);
    } else if (kind % 8 == 4) {
      checker.ended(Side::kOrigin, (argument & 1) != 0);
    } else if (kind % 8 == 5) {
      checker.answer(argument);
    } else if (kind % 8 == 6) {
      checker.tick();
    } else {
      checker.shutdown();
    }
  }
  return 0;
}
