#pragma once
// What a flow hears (Input) and what it asks for (Action). The machine performs nothing itself.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/base/ip.h"
#include "proxy/base/time.h"
#include "proxy/flow/metadata.h"
#include "proxy/flow/record.h"
#include "proxy/flow/settings.h"
#include "proxy/tls/verifier.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/http1_fields.h"

namespace sluice::flow {

// Which of a flow's connections to its origin, where Side is kOrigin. All but one kind of flow have only the first.
using LegIndex = uint8_t;

// ---- inputs

// A CONNECT that came as a request of its own (HTTP/2): what a plain connection says in its first bytes.
struct ConnectRequest {
  std::string authority;  // as sent
  wire::Fields fields;    // without pseudo-headers
};

// The client's connection is there, with all that the listener knows before its first byte. Always first.
struct Opened {
  std::optional<base::Endpoint> original_destination;  // of a transparent listener
  std::string learned_name;                            // of that address, by the DNS answers of this machine; "" = none
  std::shared_ptr<const TunnelEnd> tunnel;             // that brought it; null on plain listeners
  std::optional<ConnectRequest> request;               // of a tunnel; answered by Respond
  base::Chunk early;                                   // what came with that request
};

struct Received {
  Side side;
  base::Chunk bytes;  // not empty
  LegIndex leg = 0;
};

// The side sent FIN; it may still be written to.
struct ReadEnded {
  Side side;
  bool cut = false;  // inside TLS: without the goodbye that says that nothing is missing
  LegIndex leg = 0;
};

// The side's connection is dead.
struct Reset {
  Side side;
  LegIndex leg = 0;
};

// Answer to Authenticate.
struct AuthDone {
  bool accepted;
};

// Answer to Dial: one, always.
struct DialDone {
  CloseReason failure = CloseReason::kUnspecified;  // unspecified: connected
  base::Endpoint address;                           // of the origin; on failure the last one tried, or port 0
  std::string detail;                               // of a failure, for the client's Proxy-Status
  std::string policy{};                             // the rule of a PoP that refused (through a tunnel)
  LegIndex leg = 0;
};

// Answer to Resolve: one, always.
struct Resolved {
  std::optional<base::IpAddress> address;  // absent: the name has none, or it was not told in time
  bool configured = false;                 // by the operator: where we dial, not where the name lives
};

// How a handshake of ours ended.
struct Handshake {
  bool failed = false;
  uint8_t alert = 0;  // sent or received when it failed; 0: none
  uint16_t version = 0;
  std::string cipher;
  std::string alpn;
};

// Answer to SecureOrigin: one, unless the connection was given up first.
struct OriginSecured {
  Handshake handshake;
  bool wants_certificate = false;  // of the client
  tls::OriginVerdict verdict;      // unless it failed
  LegIndex leg = 0;
};

// Answer to SecureClient: one.
struct ClientSecured {
  Handshake handshake;
  bool minted = true;  // false: there is no certificate to show; nothing was said to the client
};

struct SpliceBytes {
  uint64_t client = 0;  // received from the client
  uint64_t server = 0;  // sent to the client
};

// Answer to Splice: one, unless the flow closed first.
struct SpliceEnded {
  SpliceBytes bytes;
  CloseReason reason;
};

// Answer to Resume.
struct Resumed {};

// Answer to TellWhenSent: one, unless the side was given up first.
struct Sent {
  Side side;
  LegIndex leg = 0;
};

// deadline() has come.
struct Tick {
  SpliceBytes bytes;  // while splicing
};

// The PoP ends the flow: shutdown, policy change, overload.
struct Shutdown {
  CloseReason reason;
  SpliceBytes bytes;  // while splicing
};

// The PoP takes no new connections and will end: what goes on may end in its own time. Stages that have nothing to say
// to the client about it do not hear it (StageContext::draining).
struct Draining {};

// The configuration was reloaded.
struct PolicyChanged {
  std::shared_ptr<const Settings> settings;
  SpliceBytes bytes;  // while splicing
};

using Input = std::variant<Opened, Received, ReadEnded, Reset, AuthDone, Resolved, DialDone, OriginSecured,
                           ClientSecured, SpliceEnded, Resumed, Sent, Tick, Shutdown, Draining, PolicyChanged>;

// ---- actions

struct Send {
  Side side;
  base::Chunk bytes;
  LegIndex leg = 0;
};

// Check the password; AuthDone answers.
struct Authenticate {
  std::string user;
  std::string password;
};

// Find out where a name lives, without connecting; Resolved answers.
struct Resolve {
  std::string host;
};

// What is sent when a flow goes through a tunnel to a PoP.
struct ThroughTunnel {
  Metadata metadata;
  base::Chunk early;  // the ClientHello, sent right behind the CONNECT, without waiting for its answer
};

// Connect to the origin; DialDone answers. A connection to an origin that is there already is given up first.
struct Dial {
  wire::Authority authority;
  std::unique_ptr<ThroughTunnel> tunnel;  // null: a connection of our own
  LegIndex leg = 0;                       // or the next one that has not been dialled yet
};

// Answers the ConnectRequest. Before any Send to the client.
struct Respond {
  int status;
  wire::Fields fields;
};

// Stop and resume reading a side. A reader stands still while it has any reason to.
enum class HoldReason : uint8_t {
  kEarlyBytes,  // the client sent more than we keep before the origin is there
  kFirstBytes,  // the origin sent more than we keep before the client spoke
  kPipelined,   // the client sent more ahead of its turn than we keep
  kUnread,      // the origin sent more than its reader has taken, and HTTP/1 has no windows
};
struct HoldRead {
  Side side;
  HoldReason reason;
  LegIndex leg = 0;
};
struct ReleaseRead {
  Side side;
  HoldReason reason;
  LegIndex leg = 0;
};

// FIN after everything sent so far.
struct EndWrite {
  Side side;
  LegIndex leg = 0;
};

// The side gets RST when the flow closes.
struct Abort {
  Side side;
  LegIndex leg = 0;
};

// Close the origin's connection at once, or stop dialling it: no answer comes then. The flow goes on and may dial
// again. What was not sent yet is dropped.
struct HangUp {
  LegIndex leg = 0;
};

// Come back as Resumed when everything before this has been performed. Nothing is under way: buffers may be given back.
struct Resume {};

// Sent answers when the side's stream has taken everything that was sent so far: a machine that makes bytes as they are
// taken holds few of them.
struct TellWhenSent {
  Side side;
  LegIndex leg = 0;
};

// Speak TLS with the origin that is connected; OriginSecured answers. From then on its bytes are what is inside.
struct SecureOrigin {
  std::string host;  // that it must be
  base::Endpoint address;
  std::vector<std::string> alpn;  // offered
  LegIndex leg = 0;
};

// Be the origin towards the client; ClientSecured answers. From then on its bytes are what is inside.
struct SecureClient {
  std::string host;          // of the certificate to show
  bool rsa = false;          // the client cannot verify ECDSA
  bool mirrored = false;     // shows the faults of the certificate of the origin, which is connected
  base::WallTime not_after;  // of the origin's certificate
  std::string alpn;          // what the origin chose; a client that offers only others hears an alert
  base::Chunk held;          // the ClientHello, and what came behind it
};

// Move bytes both ways until both sides have ended; SpliceEnded reports. What was held goes first.
struct Splice {
  base::Chunk to_origin;
  base::Chunk to_client;
  bool client_ended = false;
  bool origin_ended = false;
  base::Duration idle{};
  base::Duration half_open{};
};

// Write the flow's record, as it is now, to the spool. No later action of any outbox, but for another Record right
// behind, is performed before the kernel has it.
struct Record {
  enum class State : uint8_t { kOpen, kClosed };
  State state;
  std::shared_ptr<FlowRecord> of{};  // one of several exchanges at once; null: the machine's own
};

// Tell people what a steering client decided (its log): the verdict stands in the record. At most once.
struct Announce {
  policy::Line line;
};

// Flush what was sent, close both sides, forget the machine. The last action.
struct Close {
  CloseReason reason;
};

using Action = std::variant<Send, Respond, Authenticate, Resolve, Dial, HoldRead, ReleaseRead, EndWrite, Abort, HangUp,
                            Resume, TellWhenSent, SecureOrigin, SecureClient, Splice, Record, Announce, Close>;

// Actions in the order in which they must be performed.
using Outbox = std::vector<Action>;

}  // namespace sluice::flow
