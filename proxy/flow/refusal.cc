#include "proxy/flow/refusal.h"

#include "proxy/base/assert.h"
#include "proxy/flow/block_page.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/reason.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/proxy_status.h"
#include "proxy/wire/socks5.h"

namespace sluice::flow {

namespace {

using wire::ProxyError;
using wire::SocksReply;

struct Row {
  CloseReason reason;
  int status;
  const char* phrase;
  ProxyError error;
  SocksReply socks;
  Verdict verdict;  // block: we refuse; allow: permitted, but it failed
  PolicyKind kind;
  const char* policy;
};

constexpr auto block = Verdict::kBlock;
constexpr auto failed = Verdict::kAllow;

constexpr Row rows[] = {
    {CloseReason::kBadRequest, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure, block,
     PolicyKind::kProtocol, "request syntax"},
    {CloseReason::kProtocolError, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure, block,
     PolicyKind::kProtocol, "request syntax"},
    {CloseReason::kHeadTooLarge, 431, "Request Header Fields Too Large", ProxyError::kHttpRequestError,
     SocksReply::kGeneralFailure, block, PolicyKind::kProtocol, "request size"},
    {CloseReason::kHeadTimeout, 408, "Request Timeout", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure,
     block, PolicyKind::kProtocol, "request time"},
    {CloseReason::kHeadIncomplete, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure,
     block, PolicyKind::kProtocol, "request syntax"},
    {CloseReason::kMethodNotAllowed, 405, "Method Not Allowed", ProxyError::kHttpRequestDenied,
     SocksReply::kCommandNotSupported, block, PolicyKind::kProtocol, "request method"},
    {CloseReason::kBadAuthority, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure, block,
     PolicyKind::kProtocol, "authority syntax"},
    {CloseReason::kClientHelloTimeout, 408, "Request Timeout", ProxyError::kHttpRequestError,
     SocksReply::kGeneralFailure, block, PolicyKind::kProtocol, "client hello"},
    {CloseReason::kClientHelloTooLarge, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure,
     block, PolicyKind::kProtocol, "client hello"},
    {CloseReason::kClientHelloMalformed, 400, "Bad Request", ProxyError::kHttpRequestError, SocksReply::kGeneralFailure,
     block, PolicyKind::kProtocol, "client hello"},
    {CloseReason::kSniMismatch, 421, "Misdirected Request", ProxyError::kHttpRequestDenied, SocksReply::kNotAllowed,
     block, PolicyKind::kDestination, "name binding"},
    {CloseReason::kSourceNotAllowed, 403, "Forbidden", ProxyError::kHttpRequestDenied, SocksReply::kNotAllowed, block,
     PolicyKind::kAdmission, "allow_sources"},
    {CloseReason::kAuthenticationRequired, 407, "Proxy Authentication Required", ProxyError::kHttpRequestDenied,
     SocksReply::kNotAllowed, block, PolicyKind::kAdmission, "auth"},
    {CloseReason::kAuthenticationFailed, 407, "Proxy Authentication Required", ProxyError::kHttpRequestDenied,
     SocksReply::kNotAllowed, block, PolicyKind::kAdmission, "auth"},
    {CloseReason::kPortNotAllowed, 403, "Forbidden", ProxyError::kHttpRequestDenied, SocksReply::kNotAllowed, block,
     PolicyKind::kDestination, "allow_ports"},
    {CloseReason::kDestinationProhibited, 403, "Forbidden", ProxyError::kDestinationIpProhibited,
     SocksReply::kNotAllowed, block, PolicyKind::kDestination, "address rules"},
    {CloseReason::kDnsNotFound, 502, "Bad Gateway", ProxyError::kDnsError, SocksReply::kHostUnreachable, failed,
     PolicyKind::kUnspecified, ""},
    {CloseReason::kDnsTimeout, 504, "Gateway Timeout", ProxyError::kDnsTimeout, SocksReply::kHostUnreachable, failed,
     PolicyKind::kUnspecified, ""},
    {CloseReason::kDnsError, 502, "Bad Gateway", ProxyError::kDnsError, SocksReply::kHostUnreachable, failed,
     PolicyKind::kUnspecified, ""},
    {CloseReason::kConnectRefused, 502, "Bad Gateway", ProxyError::kConnectionRefused, SocksReply::kConnectionRefused,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kConnectTimeout, 504, "Gateway Timeout", ProxyError::kConnectionTimeout, SocksReply::kTtlExpired,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kConnectUnreachable, 502, "Bad Gateway", ProxyError::kDestinationIpUnroutable,
     SocksReply::kNetworkUnreachable, failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kConnectError, 502, "Bad Gateway", ProxyError::kDestinationUnavailable, SocksReply::kGeneralFailure,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kMessageRejected, 400, "Bad Request", ProxyError::kHttpProtocolError, SocksReply::kGeneralFailure,
     block, PolicyKind::kProtocol, "message rules"},
    {CloseReason::kTlsOrigin, 502, "Bad Gateway", ProxyError::kTlsProtocolError, SocksReply::kGeneralFailure, failed,
     PolicyKind::kUnspecified, ""},
    {CloseReason::kCertificateError, 502, "Bad Gateway", ProxyError::kTlsCertificateError, SocksReply::kGeneralFailure,
     block, PolicyKind::kCertificateError, "certificate_errors"},
    {CloseReason::kOriginClosed, 502, "Bad Gateway", ProxyError::kConnectionTerminated, SocksReply::kGeneralFailure,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kOriginReset, 502, "Bad Gateway", ProxyError::kConnectionTerminated, SocksReply::kGeneralFailure,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kOverload, 503, "Service Unavailable", ProxyError::kConnectionLimitReached,
     SocksReply::kGeneralFailure, block, PolicyKind::kAdmission, "limits"},
    {CloseReason::kDrain, 503, "Service Unavailable", ProxyError::kHttpRequestDenied, SocksReply::kGeneralFailure,
     failed, PolicyKind::kUnspecified, ""},
    {CloseReason::kPolicyBlock, 403, "Forbidden", ProxyError::kHttpRequestDenied, SocksReply::kNotAllowed, block,
     PolicyKind::kUnspecified, ""},
    {CloseReason::kTunnelLost, 503, "Service Unavailable", ProxyError::kDestinationUnavailable,
     SocksReply::kGeneralFailure, block, PolicyKind::kAdmission, "fail closed"},
    {CloseReason::kInternalError, 500, "Internal Server Error", ProxyError::kProxyInternalError,
     SocksReply::kGeneralFailure, failed, PolicyKind::kUnspecified, ""},
};

const Row* find_row(CloseReason reason) {
  for (const Row& row : rows) {
    if (row.reason == reason) return &row;
  }
  return nullptr;
}

const Row& row_of(CloseReason reason) {
  if (const Row* row = find_row(reason)) return *row;
  SLUICE_ASSERT(false && "close reason without a refusal");
  return rows[0];
}

const char* phrase_of(int status, const Row& row) {
  switch (status) {
    case 417: return "Expectation Failed";
    case 502: return "Bad Gateway";
    default: return row.phrase;
  }
}

OwnAnswer http_answer(const Row& row, int status_code, std::string_view proxy_name, std::string_view detail) {
  const wire::ProxyStatus status{
      .proxy = std::string(proxy_name), .error = row.error, .next_hop = "", .details = std::string(detail)};
  wire::Fields fields{{"Proxy-Status", status.to_field_value()},
                      {"Cache-Control", "no-store"},
                      {"Content-Type", "text/plain; charset=utf-8"}};
  if (row.status == 407) fields.push_back({"Proxy-Authenticate", "Basic realm=\"sluice\", charset=\"UTF-8\""});
  if (row.status == 405) fields.push_back({"Allow", "CONNECT"});
  return {status_code, phrase_of(status_code, row), std::move(fields), std::string(detail) + "\n"};
}

// Through a tunnel a rule of ours is always 403: 421 would send the client to another PoP.
Respond tunnel_answer(const Row& row, const FlowRecord& record, const Settings& settings, std::string_view detail) {
  const wire::ProxyStatus status{
      .proxy = settings.pop_name, .error = row.error, .next_hop = "", .details = std::string(detail)};
  return {row.status == 421 ? 403 : row.status,
          {{"proxy-status", status.to_field_value()}, {"sluice-reason", format_reason(row.reason, record.policy)}}};
}

std::string answer(Dialect dialect, const Row& row, std::string_view proxy_name, std::string_view detail) {
  switch (dialect) {
    case Dialect::kTunnel: break;       // Respond
    case Dialect::kTransparent: break;  // it asked for nothing: there is no language to answer in
    case Dialect::kHttp: return write_http1(http_answer(row, row.status, proxy_name, detail), false);
    case Dialect::kSocksMethods: return wire::socks_method_reply(wire::SocksMethod::kNoneAcceptable);
    case Dialect::kSocksCredentials: return wire::socks_credentials_reply(false);
    case Dialect::kSocksRequest: return wire::socks_reply(row.socks);
  }
  SLUICE_ASSERT(false);
  return {};
}

}  // namespace

bool has_refusal(CloseReason reason) {
  return find_row(reason) != nullptr;
}

RefusalAnswer refusal_answer(Dialect dialect, CloseReason reason, std::string_view proxy_name,
                             std::string_view detail) {
  const Row& row = row_of(reason);
  return {answer(dialect, row, proxy_name, detail), row.verdict, row.kind, row.policy};
}

namespace {
const Row& note(const StageContext& context, Stage stage, CloseReason reason) {
  const Row& row = row_of(reason);
  context.record.action = row.verdict;
  context.record.policy_kind = row.kind;
  context.record.policy = row.policy;
  context.record.close_reason = reason;
  context.record.error_stage = stage;
  return row;
}
}  // namespace

OwnAnswer note_refusal(const StageContext& context, Stage stage, CloseReason reason, int status,
                       std::string_view detail) {
  const Row& row = note(context, stage, reason);
  return http_answer(row, status == 0 ? row.status : status, context.settings.pop_name, detail);
}

namespace {
// The client believes that it speaks to its origin.
void refuse_turned_over(const StageContext& context, Stage stage, CloseReason reason) {
  if (context.record.tls_version != 0) return fail_tls(context, stage, reason);
  note(context, stage, reason);
  context.write_record(Record::State::kClosed);
  context.finish(reason, stage);
}
}  // namespace

void refuse(const StageContext& context, Dialect dialect, Stage stage, CloseReason reason, std::string_view detail) {
  if (dialect == Dialect::kTransparent) return refuse_turned_over(context, stage, reason);
  const Row& row = note(context, stage, reason);
  context.write_record(Record::State::kClosed);
  if (dialect == Dialect::kTunnel) {
    context.out.emplace_back(tunnel_answer(row, context.record, context.settings, detail));
  } else {
    context.send(Side::kClient, answer(dialect, row, context.settings.pop_name, detail));
  }
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(Refusing(context.now, reason));
}

void refuse_by_policy(const StageContext& context, Dialect dialect) {
  const Row& row = row_of(CloseReason::kPolicyBlock);
  FlowRecord& record = context.record;
  record.recorded = true;  // a block is never silent
  record.close_reason = row.reason;
  record.error_stage = Stage::kPeeking;
  const std::string detail = "Blocked by policy.";
  Respond response = tunnel_answer(row, record, context.settings, detail);
  context.write_record(Record::State::kClosed);
  if (dialect == Dialect::kTunnel) {
    context.out.emplace_back(std::move(response));
  } else {
    wire::Fields fields = std::move(response.fields);
    fields.push_back({"Connection", "close"});
    fields.push_back({"Content-Type", "text/plain; charset=utf-8"});
    context.send(Side::kClient, wire::simple_response(row.status, row.phrase, fields, detail + "\n"));
  }
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(Refusing(context.now, row.reason));
}

void grant(const StageContext& context, Dialect dialect) {
  if (dialect == Dialect::kTunnel || dialect == Dialect::kTransparent) {
    if (dialect == Dialect::kTunnel) context.out.emplace_back(Respond{200, {}});
    context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
    return;
  }
  context.send(Side::kClient, dialect == Dialect::kHttp ? std::string("HTTP/1.1 200 Connection established\r\n\r\n")
                                                        : wire::socks_reply(wire::SocksReply::kSucceeded));
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
}

namespace {
// Our answer stands in the tunnel: it counts as bytes down.
void answer_inside(const StageContext& context, Stage stage, CloseReason reason, base::Chunk answer) {
  FlowRecord& record = context.record;
  record.recorded = true;  // what did not work is never silent
  record.close_reason = reason;
  record.error_stage = stage;
  record.server_bytes += answer.size();
  context.write_record(Record::State::kClosed);
  context.out.emplace_back(Send{Side::kClient, std::move(answer)});
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(Refusing(context.now, reason));
}

enum class Alert : uint8_t { kAccessDenied = 49, kInternalError = 80 };

void alert_tls(const StageContext& context, Stage stage, CloseReason reason, Alert alert) {
  const uint8_t record[] = {21, 3, 3, 0, 2, 2, static_cast<uint8_t>(alert)};  // type alert, TLS 1.2, length, fatal
  answer_inside(context, stage, reason, base::Chunk::copy_of(base::ByteView(record)));
}
}  // namespace

std::string_view tls_access_denied() {
  static constexpr char alert[] = {21, 3, 3, 0, 2, 2, 49};  // record type alert, TLS 1.2, length, fatal, access_denied
  return {alert, sizeof alert};
}

void refuse_tls(const StageContext& context, CloseReason reason, Stage stage) {
  context.record.action = Verdict::kBlock;
  alert_tls(context, stage, reason, Alert::kAccessDenied);
}

void fail_tls(const StageContext& context, Stage stage, CloseReason reason) {
  const Row& row = row_of(reason);
  context.record.action = row.verdict;
  context.record.policy_kind = row.kind;
  context.record.policy = row.policy;
  alert_tls(context, stage, reason, row.verdict == block ? Alert::kAccessDenied : Alert::kInternalError);
}

void refuse_page(const StageContext& context, const policy::Notice* notice, std::string_view accept) {
  context.record.action = Verdict::kBlock;
  answer_inside(
      context, Stage::kPeeking, CloseReason::kPolicyBlock,
      base::Chunk::copy_of(write_http1(block_page(context.record, notice, context.settings.pop_name, accept), false)));
}

}  // namespace sluice::flow
