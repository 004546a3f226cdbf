#include "proxy/wire/client_hello.h"

#include <algorithm>
#include <bitset>

#include "proxy/base/assert.h"
#include "proxy/base/byte_reader.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/limits.h"

namespace sluice::wire {

namespace {

using base::ByteReader;
using base::ByteView;

constexpr uint8_t record_handshake = 22;
constexpr uint8_t version_major = 3;
constexpr uint8_t message_client_hello = 1;
constexpr size_t record_header_bytes = 5;
constexpr size_t message_header_bytes = 4;
constexpr size_t random_bytes = 32;
constexpr size_t session_id_bytes_max = 32;

enum Extension : uint16_t {
  kServerName = 0x0000,
  kSupportedGroups = 0x000a,
  kSignatureAlgorithms = 0x000d,
  kAlpn = 0x0010,
  kPreSharedKey = 0x0029,
  kEarlyData = 0x002a,
  kSupportedVersions = 0x002b,
  kKeyShare = 0x0033,
  kEncryptedClientHello = 0xfe0d,
};

using Error = std::optional<HelloError>;

// The body must be exactly one vector with a length prefix of that many bytes.
std::optional<ByteView> whole_vector(ByteView body, size_t prefix_bytes) {
  ByteReader in(body);
  const auto vector = in.prefixed(prefix_bytes);
  if (!vector || !in.done()) return std::nullopt;
  return vector;
}

Error read_numbers(ByteView body, size_t prefix_bytes, U16List& list) {
  const auto vector = whole_vector(body, prefix_bytes);
  if (!vector || vector->empty() || !U16List::valid(*vector)) return HelloError::kMalformed;
  list = U16List(*vector);
  return std::nullopt;
}

// Exactly one host_name: a list of several names, or of other types, is read differently by different servers.
Error read_server_name(ByteView body, ClientHello& hello) {
  const auto names = whole_vector(body, 2);
  if (!names) return HelloError::kMalformed;
  ByteReader in(*names);
  const auto type = in.u8();
  const auto name = in.prefixed(2);
  if (!type || !name) return HelloError::kMalformed;
  if (*type != 0 || !in.done() || check_host(base::as_text(*name))) return HelloError::kBadServerName;
  hello.server_name = base::as_text(*name);
  return std::nullopt;
}

Error read_alpn(ByteView body, ClientHello& hello) {
  const auto names = whole_vector(body, 2);
  if (!names || names->empty() || !NameList::valid(*names)) return HelloError::kMalformed;
  hello.alpn = NameList(*names);
  return std::nullopt;
}

Error read_key_shares(ByteView body, ClientHello& hello) {
  const auto shares = whole_vector(body, 2);  // may be empty: the client asks for a HelloRetryRequest
  if (!shares || !TaggedList::valid(*shares)) return HelloError::kMalformed;
  hello.key_shares = TaggedList(*shares);
  for (const Tagged& share : hello.key_shares) {
    if (share.body.empty()) return HelloError::kMalformed;
  }
  return std::nullopt;
}

// RFC 9849: type outer carries suite, config id, enc and payload; type inner is empty.
Error read_ech(ByteView body, ClientHello& hello) {
  ByteReader in(body);
  const auto type = in.u8();
  if (!type || *type > 1) return HelloError::kMalformed;
  if (*type == 1) {
    hello.ech = EchKind::kInner;
    return in.done() ? Error{} : HelloError::kMalformed;
  }
  const bool suite = in.u32().has_value() && in.u8().has_value();
  const bool enc = suite && in.prefixed(2).has_value();
  const auto payload = enc ? in.prefixed(2) : std::nullopt;
  if (!payload || payload->empty() || !in.done()) return HelloError::kMalformed;
  hello.ech = EchKind::kOuter;
  return std::nullopt;
}

Error read_pre_shared_key(ByteView body, ClientHello& hello) {
  ByteReader in(body);
  const auto identities = in.prefixed(2);
  const auto binders = in.prefixed(2);
  if (!identities || identities->empty() || !binders || binders->empty() || !in.done()) return HelloError::kMalformed;
  hello.pre_shared_key = true;
  return std::nullopt;
}

Error read_extension(const Tagged& extension, ClientHello& hello) {
  switch (extension.tag) {
    case kServerName: return read_server_name(extension.body, hello);
    case kAlpn: return read_alpn(extension.body, hello);
    case kSupportedVersions: return read_numbers(extension.body, 1, hello.supported_versions);
    case kSupportedGroups: return read_numbers(extension.body, 2, hello.groups);
    case kSignatureAlgorithms: return read_numbers(extension.body, 2, hello.signature_algorithms);
    case kKeyShare: return read_key_shares(extension.body, hello);
    case kEncryptedClientHello: return read_ech(extension.body, hello);
    case kPreSharedKey: return read_pre_shared_key(extension.body, hello);
    case kEarlyData: hello.early_data = true; return extension.body.empty() ? Error{} : HelloError::kMalformed;
    default: return std::nullopt;  // a number of the wire: whatever is not read here is only listed
  }
}

Error read_extensions(ByteView bytes, ClientHello& hello) {
  if (!TaggedList::valid(bytes)) return HelloError::kMalformed;
  hello.extensions = TaggedList(bytes);
  std::bitset<65536> seen;  // 8 KiB of stack instead of a bound on their number
  for (const Tagged& extension : hello.extensions) {
    if (seen.test(extension.tag)) return HelloError::kDuplicateExtension;
    if (hello.pre_shared_key) return HelloError::kMalformed;  // RFC 8446 section 4.2.11: it must be the last
    seen.set(extension.tag);
    if (const Error error = read_extension(extension, hello)) return error;
  }
  return std::nullopt;
}

uint16_t highest_version(const ClientHello& hello) {
  if (hello.supported_versions.empty()) return hello.legacy_version;
  uint16_t highest = 0;
  for (const uint16_t version : hello.supported_versions) {
    if (!is_grease(version)) highest = std::max(highest, version);
  }
  return highest;
}

}  // namespace

const char* describe(HelloError error) {
  switch (error) {
    case HelloError::kNotTls: return "the first bytes are not TLS";
    case HelloError::kTooLarge: return "the ClientHello is larger than 64 KiB";
    case HelloError::kBadRecord: return "a record before the end of the ClientHello is no handshake record";
    case HelloError::kNotClientHello: return "the first handshake message is not a ClientHello";
    case HelloError::kTrailingData: return "data follows the ClientHello in its record";
    case HelloError::kMalformed: return "the ClientHello is malformed";
    case HelloError::kDuplicateExtension: return "an extension stands twice in the ClientHello";
    case HelloError::kBadServerName: return "the server name is not one valid host name";
  }
  return "";
}

HelloParse parse_client_hello_body(ByteView body) {
  const auto malformed = [] { return HelloParse::invalid(HelloError::kMalformed); };
  ByteReader in(body);
  ClientHello hello;
  const auto legacy_version = in.u16();
  const auto random = in.bytes(random_bytes);
  const auto session_id = in.prefixed(1);
  const auto cipher_suites = in.prefixed(2);
  const auto compressions = in.prefixed(1);
  if (!legacy_version || !random || !session_id || !cipher_suites || !compressions) return malformed();
  if (*legacy_version >> 8 != version_major || session_id->size() > session_id_bytes_max) return malformed();
  if (cipher_suites->empty() || !U16List::valid(*cipher_suites) || compressions->empty()) return malformed();
  hello.legacy_version = *legacy_version;
  hello.random = *random;
  hello.session_id = *session_id;
  hello.cipher_suites = U16List(*cipher_suites);
  if (!in.done()) {  // clients before TLS 1.2 may send no extension block at all
    const auto extensions = in.prefixed(2);
    if (!extensions || !in.done()) return malformed();
    if (const Error error = read_extensions(*extensions, hello)) return HelloParse::invalid(*error);
  }
  hello.version = highest_version(hello);
  return HelloParse::complete(hello, body.size());
}

HelloParse ClientHelloPeek::feed(ByteView held) {
  SLUICE_ASSERT(held.size() >= at_);
  switch (error_ ? Step::kInvalid : walk(held)) {
    case Step::kNeedMore: return HelloParse::need_more();
    case Step::kInvalid: return HelloParse::invalid(*error_);
    case Step::kDone: break;
  }
  const HelloParse parse = parse_message(held);
  if (parse.is_invalid()) error_ = parse.reason();
  return parse;
}

// Every decision is made at a fixed position of the stream, which is why splitting it differently changes nothing.
ClientHelloPeek::Step ClientHelloPeek::walk(ByteView held) {
  for (;;) {
    const bool header_known = message_at_ >= message_header_bytes;
    if (header_known && message_at_ == message_length_) {
      return record_left_ == 0 ? Step::kDone : fail(HelloError::kTrailingData);
    }
    if (record_left_ == 0) {
      if (const Step step = enter_record(held); step != Step::kDone) return step;
    }
    if (at_ == held.size()) return Step::kNeedMore;
    if (!header_known) {
      if (const Step step = take_message_header(held); step != Step::kDone) return step;
      continue;
    }
    const size_t run = std::min({record_left_, message_length_ - message_at_, held.size() - at_});
    at_ += run;
    record_left_ -= run;
    message_at_ += run;
  }
}

ClientHelloPeek::Step ClientHelloPeek::enter_record(ByteView held) {
  const ByteView header = held.subspan(at_, std::min(record_header_bytes, held.size() - at_));
  const HelloError not_a_record = records_ == 0 ? HelloError::kNotTls : HelloError::kBadRecord;
  if (!header.empty() && header[0] != record_handshake) return fail(not_a_record);
  if (header.size() > 1 && header[1] != version_major) return fail(not_a_record);
  if (header.size() < record_header_bytes) return Step::kNeedMore;
  const size_t length = static_cast<size_t>(header[3]) << 8 | header[4];
  if (length == 0 || length > tls_record_bytes_max) return fail(HelloError::kBadRecord);
  if (at_ + record_header_bytes + length > client_hello_bytes_max) return fail(HelloError::kTooLarge);
  at_ += record_header_bytes;
  record_left_ = length;
  ++records_;
  return Step::kDone;
}

// One byte of the type and length in front of the message; they may stand in four records.
ClientHelloPeek::Step ClientHelloPeek::take_message_header(ByteView held) {
  const uint8_t byte = held[at_];
  if (message_at_ == 0 && byte != message_client_hello) return fail(HelloError::kNotClientHello);
  if (message_at_ > 0) message_length_ = message_length_ << 8 | byte;
  ++at_;
  ++message_at_;
  --record_left_;
  if (message_at_ < message_header_bytes) return Step::kDone;
  message_length_ += message_header_bytes;
  return message_length_ > client_hello_bytes_max ? fail(HelloError::kTooLarge) : Step::kDone;
}

ClientHelloPeek::Step ClientHelloPeek::fail(HelloError error) {
  error_ = error;
  return Step::kInvalid;
}

HelloParse ClientHelloPeek::parse_message(ByteView held) {
  ByteView message = held.subspan(record_header_bytes, message_length_);
  if (records_ > 1) {
    if (joined_.empty()) {
      joined_.reserve(message_length_);
      for (ByteReader in(held.first(at_)); !in.done();) {
        in.bytes(record_header_bytes - 2);
        const auto payload = in.prefixed(2);
        SLUICE_ASSERT(payload.has_value());  // walk() passed these records
        joined_.insert(joined_.end(), payload->begin(), payload->end());
      }
    }
    message = joined_;
  }
  const HelloParse body = parse_client_hello_body(message.subspan(message_header_bytes));
  return body.is_complete() ? HelloParse::complete(body.value(), at_) : body;
}

}  // namespace sluice::wire
