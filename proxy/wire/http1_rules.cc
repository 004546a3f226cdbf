#include "proxy/wire/http1_rules.h"

#include "proxy/base/text.h"

namespace sluice::wire {

namespace {

constexpr uint64_t content_length_max = uint64_t{1} << 62;  // sums of lengths stay in 64 bits

// The framing that the fields announce; kNone without any.
base::Result<BodyFraming, MessageError> announced_framing(const Fields& fields, int minor_version) {
  const size_t lengths = count_fields(fields, "content-length");
  const size_t encodings = count_fields(fields, "transfer-encoding");
  if (lengths > 0 && encodings > 0) return MessageError::kLengthAndEncoding;
  if (lengths > 1) return MessageError::kBadContentLength;
  if (encodings > 1) return MessageError::kBadTransferEncoding;
  if (encodings == 1) {
    if (minor_version == 0) return MessageError::kEncodingInOldVersion;
    if (!base::equal_ignore_case(*find_field(fields, "transfer-encoding"), "chunked")) {
      return MessageError::kBadTransferEncoding;
    }
    return BodyFraming{BodyKind::kChunked};
  }
  if (lengths == 0) return BodyFraming{};
  const auto length = base::parse_decimal(*find_field(fields, "content-length"));
  if (!length || *length > content_length_max) return MessageError::kBadContentLength;
  return BodyFraming{BodyKind::kLength, *length};
}

// A field named here is taken away by every hop: one that frames or addresses the message must not be.
bool connection_is_sound(const Fields& fields) {
  bool sound = true;
  each_list_item(fields, "connection", [&](std::string_view option) {
    for (const char* name : {"host", "content-length", "transfer-encoding"}) {
      if (base::equal_ignore_case(option, name)) sound = false;
    }
    if (!is_token(option)) sound = false;
  });
  return sound;
}

bool keeps_alive(const Fields& fields, int minor_version) {
  return minor_version == 1 && !has_list_item(fields, "connection", "close");
}

}  // namespace

const char* describe(MessageError error) {
  switch (error) {
    case MessageError::kMissingHost: return "there is no Host field";
    case MessageError::kManyHosts: return "there is more than one Host field";
    case MessageError::kBadHost: return "the Host field is not a host with an optional port";
    case MessageError::kHostMismatch: return "the Host field and the request target name different hosts";
    case MessageError::kBadContentLength: return "Content-Length is not one decimal number";
    case MessageError::kLengthAndEncoding: return "Content-Length and Transfer-Encoding stand together";
    case MessageError::kBadTransferEncoding: return "Transfer-Encoding is not just `chunked`";
    case MessageError::kEncodingInOldVersion: return "Transfer-Encoding has no place in HTTP/1.0";
    case MessageError::kBadConnectionOption: return "Connection names a field that must reach the other side";
    case MessageError::kBadExpectation: return "Expect is not `100-continue`";
  }
  return "";
}

base::Result<RequestRules, MessageError> check_request(const RequestHead& head, const RequestTarget& target,
                                                       uint16_t default_port) {
  const size_t hosts = count_fields(head.fields, "host");
  if (hosts > 1) return MessageError::kManyHosts;
  if (hosts == 0 && head.minor_version == 1) return MessageError::kMissingHost;
  RequestRules rules;
  if (hosts == 1) {
    auto host = parse_authority(*find_field(head.fields, "host"), default_port);
    if (!host) return MessageError::kBadHost;
    if (target.form == TargetForm::kAbsolute && *host != target.authority) return MessageError::kHostMismatch;
    rules.host = std::move(*host);
  }
  if (!connection_is_sound(head.fields)) return MessageError::kBadConnectionOption;
  const auto framing = announced_framing(head.fields, head.minor_version);
  if (!framing) return framing.error();
  rules.body = *framing;
  rules.keep_alive = keeps_alive(head.fields, head.minor_version);
  if (const std::string* expect = find_field(head.fields, "expect"); expect != nullptr) {
    if (!base::equal_ignore_case(*expect, "100-continue") || count_fields(head.fields, "expect") > 1) {
      return MessageError::kBadExpectation;
    }
    rules.expects_continue = head.minor_version == 1;
  }
  rules.websocket = head.minor_version == 1 && head.method == "GET" && rules.body.kind == BodyKind::kNone &&
                    has_list_item(head.fields, "connection", "upgrade") &&
                    has_list_item(head.fields, "upgrade", "websocket");
  return rules;
}

base::Result<ResponseRules, MessageError> check_response(const ResponseHead& head, std::string_view method) {
  constexpr int no_content = 204;
  constexpr int not_modified = 304;
  const auto framing = announced_framing(head.fields, head.minor_version);
  if (!framing) return framing.error();
  if (!connection_is_sound(head.fields)) return MessageError::kBadConnectionOption;
  ResponseRules rules;
  rules.keep_alive = keeps_alive(head.fields, head.minor_version);
  const bool bodiless = head.status < 200 || head.status == no_content || head.status == not_modified;
  if (bodiless || method == "HEAD") return rules;
  rules.body = *framing;
  if (framing->kind == BodyKind::kNone) {
    rules.body.kind = BodyKind::kUntilClose;
    rules.keep_alive = false;
  }
  return rules;
}

}  // namespace sluice::wire
