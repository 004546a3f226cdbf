#pragma once
// What policy decided, and by which rule. Views point into the Policy that decided and end in a zero byte (`data()` is
// a C string); they live as long as that Policy. Enums that also stand in events carry the numbers of page_event.proto.
#include <cstdint>
#include <string_view>

namespace sluice::policy {

enum class Action : uint8_t { kUnspecified = 0, kAllow = 1, kAlert = 2, kBlock = 3, kBypass = 4, kDrop = 5 };

enum class Kind : uint8_t {
  kUnspecified = 0,
  kSteeringException = 1,
  kSslDecryption = 2,
  kRealtime = 3,
  kProtocol = 6,
  kCertificateError = 7,
  kTimedBypass = 8,
};

enum class Layer : uint8_t { kUnspecified = 0, kNone = 1, kClient = 2, kPop = 3 };

enum class BypassMode : uint8_t { kUnspecified = 0, kNone = 1, kDirect = 2, kTunnel = 3, kDoNotDecrypt = 4 };

enum class BypassReasonCode : uint8_t {
  kUnspecified = 0,
  kCertificatePinnedApp = 1,
  kDomain = 2,
  kCategory = 3,
  kApplication = 4,
  kDestination = 5,
  kSource = 6,
  kSslPolicy = 7,
  kProtocol = 11,
  kPrivateAddress = 13,
  kTimed = 14,
  kInterceptionOff = 17,
};

// What a block tells the person.
struct Notice {
  std::string_view name;
  std::string_view title;
  std::string_view body;
  std::string_view support;
};

// The rule that decided. Empty name: no rule matched and the default holds.
struct Decider {
  Layer layer = Layer::kPop;
  Kind kind = Kind::kUnspecified;
  std::string_view rule{};
  std::string_view configuration{};  // of an exception: the steering configuration
};

struct Bypass {
  BypassMode mode = BypassMode::kNone;
  BypassReasonCode code = BypassReasonCode::kUnspecified;
  std::string_view reason;  // "Steering Exception - default"
  bool recorded = true;     // false: no log line and no record, only a counter
};

// Facts that are missing, to be or-ed.
enum Missing : uint8_t {
  kMissingNothing = 0,
  kMissingHost = 1,     // read the ClientHello
  kMissingAddress = 2,  // resolve or dial
  kMissingRequest = 4,
  kMissingProcess = 8,
  kMissingUser = 16,
};

enum class Decision : uint8_t {
  kUndecided,  // ask again when `missing` is known; nothing may be let through before
  kBlock,
  kSplice,
  kIntercept,  // TLS: decrypt; plain HTTP: relay as HTTP. Ask again for each request
};

struct Verdict {
  Decision decision = Decision::kUndecided;
  uint8_t missing = kMissingNothing;  // of kUndecided; of kIntercept: kMissingRequest when rules wait for the request
  Action action = Action::kUnspecified;
  Decider by;
  Bypass bypass;                // of kSplice
  std::string_view ssl_policy;  // the SSL decryption policy that matched, "" = none or not asked
  const Notice* notice = nullptr;
};

// The client's verdict: where the flow goes, and which line its log gets.
enum class Path : uint8_t { kDirect, kTunnel, kRefuse };
enum class Line : uint8_t {
  kNone,
  kAppDirect,       // Bypassing connection from process
  kAppTunnelled,    // Bypassing connection by tunneling from process
  kAppDropped,      // Dropping connection from process
  kException,       // bypassing flow to exception host
  kPrivateAddress,  // Bypassing flow from process ... to private ip
  kQuicRefused,     // Blocking UDP connection from process
  kSteered,         // Tunneling flow from addr
};
enum class ProcessIdentity : uint8_t { kUnspecified = 0, kNone = 1, kName = 2, kPath = 3, kHash = 4 };

struct SteerVerdict {
  Path path = Path::kTunnel;
  Line line = Line::kNone;
  Action action = Action::kUnspecified;  // unspecified: not recorded at all
  Decider by{Layer::kClient};
  Bypass bypass;
  ProcessIdentity identity = ProcessIdentity::kUnspecified;  // what the matching rule relied on
};

enum class CertificateAction : uint8_t { kBlock, kAllow, kMirror };
// Numbers of sluice.config.v1.CertificateErrorKind.
enum class CertificateError : uint8_t {
  kExpired = 1,
  kNotYetValid = 2,
  kSelfSigned = 3,
  kUntrustedRoot = 4,
  kIncompleteChain = 5,
  kNameMismatch = 6,
  kRevoked = 7,
  kOther = 8,
};
struct CertificateVerdict {
  CertificateAction action = CertificateAction::kBlock;
  Decider by{Layer::kPop, Kind::kCertificateError};
  std::string_view reason;  // "Certificate error - <rule>", "" without rule
};

}  // namespace sluice::policy
