// The whole flow of a steering client: bytes choose inputs as a driver could give them; the actions must keep the rules
// of flow/io.h, and what the policy says about tunnels and records.
// Input: a byte of options (1: captured, 2: the policy fails closed, 4: on the company's network, 8: a name was
// learned; 16 and 32: which app), then pairs of (kind, argument) bytes; kinds that carry bytes take `argument` bytes
// that follow.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "proxy/flow/steer_flow.h"
#include "tests/fuzz/machine_run.h"
#include "tests/support/policies.h"

namespace {

using namespace sluice;
using namespace sluice::flow;

std::shared_ptr<const policy::Policy> policy_that(bool fails_closed) {
  const std::string head =
      "tenant: acme\nsteering_configurations:\n- name: default\n  exceptions:\n"
      "  - {name: Dropbox, certificate_pinned_app: {app: Dropbox, tunnel_domains: [api.dropbox.com]}}\n"
      "  - {name: Zoom, certificate_pinned_app: {app: Zoom, action: block}}\n"
      "  - {name: Bank, domains: [bank.example]}\n"
      "  - {name: Quiet, domains: [quiet.example], log: false}\n"
      "  - {name: Offices, destinations: {cidrs: [203.0.113.0/24]}}\n";
  return support::policy_of(head + (fails_closed ? "  fail: closed\n" : "  fail: open\n"));
}

// Plays the driver: keeps its side of the contract and checks the machine's.
class Checker : public test::MachineRun {
 public:
  explicit Checker(uint8_t options) : fails_closed_((options & 2) != 0) {
    static const auto open = policy_that(false);
    static const auto closed = policy_that(true);
    SteerSettings settings;
    settings.client_name = "fuzz";
    settings.device = std::make_shared<const Device>();
    settings.policy = fails_closed_ ? closed : open;
    settings.on_network = on_network_ = (options & 4) != 0;
    settings.timeouts.total = base::Duration(10'000);
    machine_ = std::make_unique<SteerFlow>(std::make_shared<const SteerSettings>(settings), client_address(), now_,
                                           base::WallTime{});
    constexpr std::array<const char*, 4> processes{"surf", "dropbox", "zoom", ""};
    machine_->record().process_name = processes[options >> 4 & 3];
    Opened opened;
    if ((options & 1) != 0) opened.original_destination = base::Endpoint::parse("198.51.100.9:443");
    if ((options & 8) != 0) opened.learned_name = "client.dropbox.com";
    give(std::move(opened));
  }

  void received(Side side, base::ByteView bytes) {
    const size_t i = static_cast<size_t>(side);
    if (bytes.empty() || ended_[i] || spliced_ || (side == Side::kOrigin && !connected_)) return;
    if (side == Side::kClient) client_in_ += base::as_text(bytes);
    give(Received{side, base::Chunk::copy_of(bytes)});
  }
  void ended(Side side, bool reset) {
    const size_t i = static_cast<size_t>(side);
    if (ended_[i] || spliced_ || (side == Side::kOrigin && !connected_)) return;
    ended_[i] = true;
    if (reset) {
      give(Reset{side});
    } else {
      give(ReadEnded{side});
    }
  }
  void answer(uint8_t argument) {
    if (resolving_) {
      resolving_ = false;
      constexpr std::array<const char*, 4> addresses{"198.51.100.7", "203.0.113.7", "10.1.2.3", "127.0.0.1"};
      Resolved resolved{base::IpAddress::parse(addresses[argument & 3]), (argument & 4) != 0};
      if ((argument & 8) != 0) resolved.address.reset();
      give(std::move(resolved));
    } else if (dialling_) {
      dialling_ = false;
      connected_ = (argument & 1) != 0;
      DialDone result;
      if (!connected_) result.failure = (argument & 2) != 0 ? CloseReason::kTunnelLost : CloseReason::kConnectRefused;
      if (!connected_ && (argument & 4) != 0) result.failure = CloseReason::kPolicyBlock;
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
  void note(const Action& action) override {
    const FlowRecord& record = machine_->record();
    if (const auto* written = std::get_if<Record>(&action)) {
      SLUICE_ASSERT(record.recorded && !final_record_);  // what is to leave no trace leaves none; one final record
      final_record_ = written->state == Record::State::kClosed;
      any_record_ = true;
    } else if (std::holds_alternative<Announce>(action)) {
      SLUICE_ASSERT(!announced_);
      announced_ = true;
    } else if (std::holds_alternative<Resolve>(action)) {
      SLUICE_ASSERT(!resolving_ && dials_ == 0);
      resolving_ = true;
    } else if (const auto* dial = std::get_if<Dial>(&action)) {
      check(*dial, record);
    } else if (const auto* splice = std::get_if<Splice>(&action)) {
      SLUICE_ASSERT(connected_ && !spliced_);
      SLUICE_ASSERT(!record.recorded || any_record_);  // before its first byte
      spliced_ = true;
      // What goes to the origin is the end of what the app sent, whole and in order, unless a request was rewritten.
      if (!is_plain_request(record))
        SLUICE_ASSERT(client_in_.ends_with(early_ + std::string(splice->to_origin.text())));
    }
  }
  void check(const Dial& dial, const FlowRecord& record) {
    SLUICE_ASSERT(!dialling_ && !spliced_ && !resolving_ && ++dials_ <= 2);  // the tunnel, and direct without one
    SLUICE_ASSERT(record.action != Verdict::kDrop && !final_record_);        // a drop reaches nobody
    SLUICE_ASSERT(dial.tunnel == nullptr || (!on_network_ && dials_ == 1));
    // Steered traffic of a closed policy never goes direct: only what is excepted does.
    if (dial.tunnel == nullptr && fails_closed_ && !on_network_) {
      SLUICE_ASSERT(dials_ == 1 && record.action != Verdict::kAllow && record.action != Verdict::kBlock);
    }
    early_ = dial.tunnel ? std::string(dial.tunnel->early.text()) : std::string();
    SLUICE_ASSERT(is_plain_request(record) || client_in_.find(early_) != std::string::npos);
    dialling_ = true;
  }
  static bool is_plain_request(const FlowRecord& record) {
    return record.host_source == HostSource::kHttpHost && record.access_method != AccessMethod::kTransparent;
  }

  bool fails_closed_ = false, on_network_ = false;
  std::string client_in_, early_;
  bool ended_[2] = {false, false};
  bool resolving_ = false, dialling_ = false, connected_ = false;
  int dials_ = 0;
  bool spliced_ = false, any_record_ = false, final_record_ = false, announced_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Checker checker(data[0]);
  test::drive(checker, {data + 1, size - 1});
  return 0;
}
