#pragma once
// The TLS ClientHello (RFC 8446 section 4.1.2) read from the first bytes of a connection, without a TLS library.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/chunk.h"
#include "proxy/wire/parse.h"
#include "proxy/wire/tls_lists.h"

namespace sluice::wire {

enum class HelloError : uint8_t {
  kNotTls,          // the first bytes are not a handshake record: another protocol
  kTooLarge,        // the hello does not fit into client_hello_bytes_max of records
  kBadRecord,       // a record that is no handshake record of 1 to 16384 bytes
  kNotClientHello,  // the first handshake message has another type
  kTrailingData,    // the record that ends the hello holds more
  kMalformed,       // lengths or values inside the hello that no client may send
  kDuplicateExtension,
  kBadServerName,  // not exactly one host_name, or one that check_host refuses
};
const char* describe(HelloError error);

// Numbers are those of flow::Ech and of the page event.
enum class EchKind : uint8_t { kNone = 1, kOuter = 2, kInner = 3 };

// A validated ClientHello as views: valid as long as the bytes given to ClientHelloPeek::feed and the peek itself stay
// where they are. Lists keep GREASE values and the order of the wire.
struct ClientHello {
  uint16_t legacy_version = 0;
  base::ByteView random;      // 32 bytes
  base::ByteView session_id;  // 0 to 32 bytes
  U16List cipher_suites;
  TaggedList extensions;  // every extension: type and body

  std::string_view server_name;  // as sent (case, trailing dot); empty: no SNI. parse_host() gives name or address
  NameList alpn;                 // offered protocols; empty: no ALPN
  U16List supported_versions;    // empty: a TLS 1.2 or older client
  uint16_t version = 0;          // highest offered that is not GREASE; legacy_version without supported_versions
  U16List groups;
  TaggedList key_shares;  // group and key exchange
  U16List signature_algorithms;
  EchKind ech = EchKind::kNone;  // GREASE ECH cannot be told from an outer hello
  bool pre_shared_key = false;
  bool early_data = false;
};

using HelloParse = Parse<ClientHello, HelloError>;

// Reads one handshake message, the body of a ClientHello without its 4-byte header. No allocation.
HelloParse parse_client_hello_body(base::ByteView body);

// Finds the ClientHello at the start of a growing buffer of TLS records. Remembers how far it looked, so feeding a
// hello byte by byte costs the same as feeding it at once. One allocation, at the end and only if the hello spans
// records. One peek per connection, owned by the stage that holds the bytes; any single thread.
class ClientHelloPeek {
 public:
  // `held`: everything received so far, from the first byte. Each call may add bytes at the end and may show them at
  // another place, but never change those shown before. length() counts whole records; bytes behind them are allowed.
  // Once complete, a further call gives fresh views into `held`; an error is repeated.
  HelloParse feed(base::ByteView held);

 private:
  enum class Step : uint8_t { kDone, kNeedMore, kInvalid };
  Step walk(base::ByteView held);  // to the end of the message and of its record
  Step enter_record(base::ByteView held);
  Step take_message_header(base::ByteView held);
  Step fail(HelloError error);
  HelloParse parse_message(base::ByteView held);

  size_t at_ = 0;              // bytes of the buffer understood
  size_t records_ = 0;         // record headers passed
  size_t record_left_ = 0;     // payload of the current record that was not passed
  size_t message_at_ = 0;      // bytes of the handshake message passed, its header included
  size_t message_length_ = 0;  // with its header; complete once message_at_ reaches 4
  std::optional<HelloError> error_;
  std::vector<uint8_t> joined_;  // the message, when it spans records
};

}  // namespace sluice::wire
