#pragma once
// One connection of the load generator, from the dial to the close, as a machine that goes on whenever its socket can.
//
//                             +--------- no CONNECT asked for -----------+
//                             |                                          v
//   Dialling --connected------+--> AskingTunnel --sent--> AwaitingTunnel --2xx--+
//                                                                               |
//   +---------------------------- in clear -------------------------------------+
//   v                                                                           v
//   Requesting --sent--> AwaitingHead --200--> ReadingBody <--(requests left)   Handshaking --> Requesting
//                                                  |
//                                                  +--> Holding (to be kept open)   or Done
//   any stage --reset, wrong status, early end--> Failed
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/bench/channel.h"

namespace sluice::bench {

using Clock = std::chrono::steady_clock;

// What every connection of a run does; outlives them all.
struct Work {
  base::Endpoint to;        // the proxy, or a relay
  std::string tunnel;       // authority for CONNECT; empty: what listens at `to` has one fixed destination
  TlsContext tls;           // empty: requests travel in clear
  std::string server_name;  // for SNI and the check of the certificate
  uint64_t body_bytes = 0;  // of each reply
  uint64_t requests = 1;    // one after the other on the same connection
  bool hold = false;        // stays open after the last reply
};

enum class Stage {
  kDialling,
  kAskingTunnel,
  kAwaitingTunnel,
  kHandshaking,
  kRequesting,
  kAwaitingHead,
  kReadingBody,
  kHolding,
  kDone,
  kFailed,
};

class Conversation {
 public:
  explicit Conversation(const Work& work);

  // Empty when the dial failed at once; then the stage is kFailed.
  const Fd& socket() const { return channel_.socket(); }
  // Goes on as far as the socket lets it.
  Stage advance();
  Stage stage() const { return stage_; }
  // Why it failed, in a few words that can be counted.
  const std::string& reason() const { return reason_; }
  Clock::time_point started() const { return started_; }

 private:
  // The next stage, or nothing: wait for the socket.
  using Next = std::optional<Stage>;
  Next visit();
  Next on_connected();
  Next send_pending(Stage then);
  Next read_tunnel_head();
  Next shake_hands();
  Next read_reply_head();
  Next read_body();
  Next read_while_holding();
  Next failed(std::string reason);

  // Reads until head_ holds a whole head; then kDone with the offset behind it.
  Channel::Moved read_head();
  Stage begin_tunnel();
  Stage begin_payload();
  Stage begin_request();

  const Work& work_;
  const Clock::time_point started_ = Clock::now();
  Channel channel_;
  Stage stage_ = Stage::kDialling;
  std::string pending_;  // bytes still to be sent
  std::string head_;     // of the reply that is arriving
  uint64_t body_left_ = 0;
  uint64_t requests_left_;
  std::string reason_;
};

}  // namespace sluice::bench
