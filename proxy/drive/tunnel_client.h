#pragma once
// TunnelClient: keeps one tunnel to a PoP up, and puts flows into it.
//
//   start ------> kConnecting: all PoPs are tried, the nearest one answers first and wins ------> kUp
//   kUp --------> tunnel lost, dead or told to drain: kConnecting, in order of measured time, a moment apart
//   kConnecting -> nobody answered: kDown, tried again after a growing pause with jitter, or when a flow asks
//
// A tunnel that drains keeps the flows it has until they end.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/drive/tunnel_attempt.h"
#include "proxy/drive/tunnel_opening.h"

namespace sluice::drive {

struct TunnelClientSettings {
  struct Pop {
    std::string name;  // for people
    wire::Authority authority;
  };
  std::vector<Pop> pops;       // at least one
  tls::ClientContext context;  // with the device's certificate
  std::shared_ptr<const DialSettings> dial;
};

class TunnelWatcher {
 public:
  // state() changed.
  virtual void on_tunnel_state() = 0;

 protected:
  virtual ~TunnelWatcher() = default;
};

// One loop; outlives the flows that use it.
class TunnelClient final : public AttemptHandler, public TunnelOwner, private net::Timer, private net::Ready {
 public:
  enum class State : uint8_t { kConnecting, kUp, kDown };

  TunnelClient(net::Loop& loop, net::Resolver& resolver, TunnelClientSettings settings, TunnelWatcher& watcher);
  ~TunnelClient() override;
  void start();

  // For FlowHost::dial_tunnel. While connecting a flow waits a moment; when down it fails at once (kTunnelLost).
  std::unique_ptr<Dialling> dial(flow::Dial&& dial, DialHandler& handler);

  State state() const { return state_; }
  const std::string& pop() const { return settings_.pops[pop_].name; }  // kUp: the one it leads to
  std::optional<base::Duration> round_trip() const;
  bool resumed() const { return resumed_; }  // the last handshake was an abbreviated one
  uint64_t tunnels_made() const { return tunnels_made_; }
  const std::string& problem() const { return problem_; }  // why the last attempt failed

 private:
  friend class TunnelOpening;
  struct Measured {
    std::optional<base::Duration> time;  // from the first packet to the first answer
    std::optional<tls::Resumption> resume;
    base::Time failed_at{};
  };

  void on_attempt_up(TunnelAttempt& attempt) override;
  void on_attempt_failed(TunnelAttempt& attempt) override;
  void on_tunnel_requests(Tunnel&) override {}
  void on_tunnel_ended(Tunnel& tunnel) override;
  void on_tunnel_news(Tunnel& tunnel) override;
  void on_timer() override;
  void on_ready() override;

  // For openings.
  net::Loop& loop() { return workshop_.loop; }
  Tunnel* usable();
  void wait(TunnelOpening& opening) { waiting_.push_back(&opening); }
  void forget(TunnelOpening& opening);

  void connect();
  void try_next();
  void retire();
  void set_state(State state);
  void wake_openings();

  TunnelWorkshop workshop_;
  TunnelClientSettings settings_;
  TunnelWatcher& watcher_;
  State state_ = State::kConnecting;
  std::vector<Measured> measured_;  // per PoP
  std::vector<size_t> order_;       // PoPs of this round that are still to be tried, last first
  std::vector<std::unique_ptr<TunnelAttempt>> attempts_;
  base::Time round_began_{};
  uint32_t rounds_failed_ = 0;
  std::unique_ptr<Tunnel> tunnel_;
  size_t pop_ = 0;
  bool resumed_ = false;
  uint64_t tunnels_made_ = 0;
  std::string problem_;
  std::vector<std::unique_ptr<Tunnel>> retired_;  // drain
  std::vector<std::unique_ptr<Tunnel>> ended_;    // destroyed when nothing of them is on the stack
  std::vector<TunnelOpening*> waiting_;           // null where one went away
  std::vector<TunnelOpening*> waking_;            // likewise; being told
};

}  // namespace sluice::drive
