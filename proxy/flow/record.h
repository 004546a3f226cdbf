#pragma once
// FlowRecord: everything the core knows about one flow. Plain values; `report` turns it into a page event.
// The enums carry the numbers of proto/sluice/events/v1/page_event.proto (a test compares names and numbers), because
// the core may not depend on protobuf.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/time.h"

namespace sluice::flow {

enum class Side : uint8_t { kClient, kOrigin };
constexpr Side other(Side side) {
  return side == Side::kClient ? Side::kOrigin : Side::kClient;
}

enum class Verdict : uint8_t { kUnspecified = 0, kAllow = 1, kAlert = 2, kBlock = 3, kBypass = 4, kDrop = 5 };

enum class PolicyKind : uint8_t {
  kUnspecified = 0,
  kSteeringException = 1,
  kSslDecryption = 2,
  kRealtime = 3,
  kDestination = 4,
  kAdmission = 5,
  kProtocol = 6,
  kCertificateError = 7,
  kTimedBypass = 8,
  kLearnedBypass = 9,
};

enum class BypassMode : uint8_t {
  kUnspecified = 0,
  kNone = 1,
  kDirect = 2,
  kTunnel = 3,
  kDoNotDecrypt = 4,
  kLearned = 5,
  kCertificateError = 6,
};

enum class BypassReasonCode : uint8_t {
  kUnspecified = 0,
  kCertificatePinnedApp = 1,
  kDomain = 2,
  kCategory = 3,
  kApplication = 4,
  kDestination = 5,
  kSource = 6,
  kSslPolicy = 7,
  kLearned = 8,
  kCertificateError = 9,
  kClientCertificate = 10,
  kProtocol = 11,
  kEch = 12,
  kPrivateAddress = 13,
  kTimed = 14,
  kFailOpen = 15,
  kOnNetwork = 16,
  kInterceptionOff = 17,
};

enum class CloseReason : uint8_t {
  kUnspecified = 0,
  kClientClosed = 1,
  kOriginClosed = 2,
  kClientReset = 3,
  kOriginReset = 4,
  kIdleTimeout = 5,
  kTotalTimeout = 6,
  kHalfOpenTimeout = 7,
  kCompleted = 8,
  kBadRequest = 20,
  kHeadTooLarge = 21,
  kHeadTimeout = 22,
  kHeadIncomplete = 23,
  kMethodNotAllowed = 24,
  kBadAuthority = 25,
  kSourceNotAllowed = 26,
  kAuthenticationRequired = 27,
  kAuthenticationFailed = 28,
  kProtocolError = 29,
  kPortNotAllowed = 40,
  kDestinationProhibited = 41,
  kDnsNotFound = 42,
  kDnsTimeout = 43,
  kDnsError = 44,
  kConnectRefused = 45,
  kConnectTimeout = 46,
  kConnectUnreachable = 47,
  kConnectError = 48,
  kClientHelloTimeout = 60,
  kClientHelloTooLarge = 61,
  kClientHelloMalformed = 62,
  kSniMismatch = 63,
  kUnknownProtocol = 64,
  kEchBlocked = 65,
  kPolicyBlock = 80,
  kPolicyChanged = 81,
  kDeviceRevoked = 82,
  kTunnelLost = 83,
  kOverload = 84,
  kDrain = 85,
  kProducerCrash = 86,
  kInternalError = 87,
  kTlsClient = 100,
  kTlsOrigin = 101,
  kCertificateError = 102,
  kMessageRejected = 103,
};

enum class Stage : uint8_t {
  kUnspecified = 0,
  kGreeting = 1,
  kDialing = 2,
  kPeeking = 3,
  kHandshaking = 4,
  kRelaying = 5,
  kSplicing = 6,
};

enum class HostSource : uint8_t { kUnspecified = 0, kConnect = 1, kSni = 2, kHttpHost = 3, kDns = 4 };
enum class AccessMethod : uint8_t { kUnspecified = 0, kClient = 1, kExplicitProxy = 2, kTransparent = 3 };
enum class Origin : uint8_t { kUnspecified = 0, kPop = 1, kClient = 2 };
enum class Layer : uint8_t { kUnspecified = 0, kNone = 1, kClient = 2, kPop = 3 };
enum class ProcessIdentity : uint8_t { kUnspecified = 0, kNone = 1, kName = 2, kPath = 3, kHash = 4 };
enum class Ech : uint8_t { kUnspecified = 0, kNone = 1, kOuter = 2, kInner = 3 };

// The machine of a steering client; one snapshot for all of its flows.
struct Device {
  std::string id;
  std::string hostname;
  std::string os;
  std::string classification;
  std::string client_version;
};

// Who is at the other end of a tunnel, by its verified certificate. One snapshot per tunnel, shared by its flows.
struct TunnelEnd {
  std::string user;
  std::shared_ptr<const Device> device;
  std::string tunnel_id;
  std::string certificate_serial;
  base::Endpoint address;  // of the tunnel's connection
};

// What a steering client decided about a flow before it sent it through the tunnel.
enum class SteeringVerdict : uint8_t { kUnspecified, kSteer, kBypass };

// How an event came to be of its requests.
enum class PageBuild : uint8_t { kUnspecified = 0, kReferer = 1, kDomainRollup = 2, kSingle = 3 };

enum class HttpVersion : uint8_t { kHttp10, kHttp11, kHttp2 };

// One HTTP exchange, where requests are seen. No fields but these are kept of a message.
struct Exchange {
  std::string method;
  std::string url;      // without the query
  std::string referer;  // likewise
  std::string user_agent;
  std::string content_type;                    // of the response
  int status = 0;                              // of the response, ours or the origin's; 0: none was sent
  HttpVersion version = HttpVersion::kHttp11;  // that the client speaks
  // Of the event: what was folded into it, this exchange included.
  PageBuild build = PageBuild::kSingle;
  uint32_t requests = 1;
  uint32_t responses = 0;
};

// Both handshakes of a flow that is decrypted, as far as they came.
struct TlsFacts {
  uint16_t version = 0;  // agreed with the client; 0x0304 = TLS 1.3
  std::string cipher;
  std::string alpn;
  uint16_t origin_version = 0;
  std::string origin_cipher;
  std::string cert_subject;  // of the origin
  std::string cert_issuer;
  base::WallTime cert_not_after{};
  std::vector<std::string> cert_errors;  // as policies spell them
  std::string cert_rule;                 // that let a certificate with errors pass
  std::optional<Side> failed;            // whose handshake
  uint8_t alert = 0;                     // that ended it, sent or received; 0: none
};

struct FlowRecord {
  // identity
  uint64_t producer_id = 0;  // with the counter it is the event_id, given when the flow begins
  uint64_t event_counter = 0;
  uint32_t revision = 0;  // of the last revision handed out
  Origin origin = Origin::kPop;
  bool primary = true;         // false: the client's view of a flow that the PoP records too
  std::string correlation_id;  // "<device id>/<flow id>", the same in the client's and the PoP's view

  // time
  base::WallTime start{};  // accept
  base::Time started{};    // the same moment, monotonic

  // who
  std::string user;
  base::Endpoint source;
  AccessMethod access_method = AccessMethod::kUnspecified;
  std::shared_ptr<const Device> device;  // null: no steering client
  std::string tunnel_id;
  std::string process_name;  // base name of the executable, as the client attributed it
  std::string process_path;
  uint32_t process_pid = 0;
  ProcessIdentity process_identity = ProcessIdentity::kUnspecified;
  std::optional<base::Endpoint> app_source;  // of the app's socket on its device, where `source` is the tunnel's

  // where
  std::string host;  // lower-case A-label or address literal, as asked for
  HostSource host_source = HostSource::kUnspecified;
  base::Endpoint destination;  // port asked for; the address once it is dialled
  bool dialled = false;        // destination.address is meant
  std::string app;             // of the host, by policy's catalogue
  std::string app_category;
  std::string category;
  std::vector<std::string> other_categories;

  // bytes at the client's side, after the CONNECT or SOCKS reply
  uint64_t client_bytes = 0;
  uint64_t server_bytes = 0;
  uint64_t earlier_client_bytes = 0;  // of this flow's exchanges that have records of their own
  uint64_t earlier_server_bytes = 0;

  std::shared_ptr<Exchange> exchange;  // null: the record of a connection. Replaced, never changed, by the next one

  // verdict
  Verdict action = Verdict::kUnspecified;
  std::string policy;  // name of the rule that decided
  PolicyKind policy_kind = PolicyKind::kUnspecified;
  Layer policy_layer = Layer::kPop;  // who decided; of a bypass also where
  BypassMode bypass_mode = BypassMode::kNone;
  BypassReasonCode bypass_reason_code = BypassReasonCode::kUnspecified;
  std::string bypass_reason;
  std::string ssl_policy;    // the SSL decryption policy that matched
  std::string notification;  // shown to the person who was blocked
  std::string policy_version;
  SteeringVerdict client_verdict = SteeringVerdict::kUnspecified;
  std::string client_policy;          // the rule it was decided by
  std::string client_policy_version;  // and the policy
  bool policy_disagreement = false;   // ours is another
  bool recorded = true;               // false: policy wants this bypass counted, not recorded
  bool begun = false;                 // a first record was asked for
  CloseReason close_reason = CloseReason::kUnspecified;
  Stage error_stage = Stage::kUnspecified;

  std::shared_ptr<const TlsFacts> tls;  // null: not decrypted

  // tls, from the ClientHello
  std::string sni;
  std::string alpn;  // offered protocols, comma separated
  Ech ech = Ech::kUnspecified;
  uint16_t tls_version = 0;  // highest offered, 0x0304 = TLS 1.3; 0 = not TLS
  std::string ja4_raw;       // as wire::ja4_raw builds it; hashed when the event is built
};

}  // namespace sluice::flow
