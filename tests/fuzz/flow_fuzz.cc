// The whole flow: bytes choose inputs as a driver could give them; the actions must keep the rules of flow/io.h.
// Input: a byte of options (32: this PoP decrypts; 16: a connection that was turned over to us; 8: a tunnel; then a
// byte with the number of bytes behind the CONNECT, which stand at the end), then pairs of (kind, argument) bytes;
// kinds that carry bytes take `argument` bytes that follow.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/fuzz/machine_run.h"

namespace {

using namespace sluice;
using namespace sluice::flow;

// Plays the driver: keeps its side of the contract and checks the machine's.
class Checker : public test::ProxyRun {
 public:
  Checker(uint8_t options, base::ByteView early) {
    Settings made = settings();
    made.allow_any_source = (options & 1) == 0;
    made.authentication = (options & 2) != 0;
    made.transparent = (options & 16) != 0;
    made.interception = (options & 32) != 0;
    made.timeouts.total = base::Duration((options & 4) != 0 ? 10'000 : 0);
    const bool transparent = made.transparent;
    make(std::move(made));
    Opened opened;
    if (transparent) opened.original_destination = *base::Endpoint::parse("203.0.113.7:443");
    if ((options & 8) != 0 && !transparent) {  // a CONNECT of a tunnel, with what stands behind it
      opened.tunnel = std::make_shared<TunnelEnd>();
      opened.request = ConnectRequest{"example.com:443", {{"sluice-process", "fuzz"}}};
      opened.early = base::Chunk::copy_of(early);
      client_in_ += base::as_text(early);
    }
    give(std::move(opened));
  }

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
  void pass_time() { (void)tick(); }
  void shutdown() { give(Shutdown{CloseReason::kDrain, {}}); }

 private:
  // Whether the driver would read this side.
  bool may_come(Side side) const {
    const auto i = static_cast<size_t>(side);
    return !ended_[i] && !spliced_ && !securing_[i] && !held_[i] && (side == Side::kClient || connected_);
  }

  void note(const Action& action) override {
    if (const auto* record = std::get_if<Record>(&action)) {
      note_record(*record);
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
    }
  }

  std::string client_in_;
  bool ended_[2] = {false, false};     // client, origin
  bool securing_[2] = {false, false};  // whose handshake goes on
  bool held_[2] = {false, false};
  bool authenticating_ = false, dialling_ = false, connected_ = false, secured_ = false;
  bool spliced_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t early = (data[0] & 8) != 0 && size > 1 ? std::min<size_t>(data[1], size - 2) : 0;
  Checker checker(data[0], {data + size - early, early});
  const size_t begin = (data[0] & 8) != 0 ? 2 : 1;
  if (size - early > begin) test::drive(checker, {data + begin, size - early - begin});
  return 0;
}
