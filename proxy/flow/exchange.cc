#include "proxy/flow/exchange.h"

#include <memory>
#include <utility>

#include "proxy/flow/block_page.h"
#include "proxy/flow/policy_question.h"

namespace sluice::flow {

namespace {

// Queries are nobody's business: they carry names, searches, tokens.
std::string without_query(std::string_view url) {
  return std::string(url.substr(0, url.find_first_of("?#")));
}

}  // namespace

void renew_record(FlowRecord& record, uint64_t event_counter, base::Time now) {
  record.earlier_client_bytes += record.client_bytes;
  record.earlier_server_bytes += record.server_bytes;
  record.client_bytes = record.server_bytes = 0;
  record.event_counter = event_counter;
  record.revision = 0;
  record.begun = false;
  record.recorded = true;
  record.start += now - record.started;
  record.started = now;
  record.dialled = false;
  record.close_reason = CloseReason::kUnspecified;
  record.error_stage = Stage::kUnspecified;
  record.action = Verdict::kUnspecified;
  record.exchange.reset();
}

void note_request(const StageContext& context, const RelayTerms& terms, const http::Request& request,
                  HttpVersion version) {
  FlowRecord& record = context.record;
  record.host = request.authority.host;
  if (terms.scheme != http::Scheme::kHttps) {
    record.host_source = terms.bound && !terms.bound->address ? HostSource::kConnect : HostSource::kHttpHost;
  }
  record.destination.port = request.authority.port;
  record.exchange = std::make_shared<Exchange>();
  Exchange& exchange = *record.exchange;
  exchange.method = request.method;
  exchange.url = without_query(http::url_of(terms.scheme.value_or(http::Scheme::kHttp), request));
  exchange.version = version;
  if (const auto* value = wire::find_field(request.fields, "referer")) exchange.referer = without_query(*value);
  if (const auto* value = wire::find_field(request.fields, "user-agent")) exchange.user_agent = *value;
}

void note_response(FlowRecord& record, const http::Response& response) {
  record.exchange->status = response.status;
  record.exchange->responses = 1;
  if (const auto* value = wire::find_field(response.fields, "content-type")) record.exchange->content_type = *value;
}

void note_answer(FlowRecord& record, CloseReason reason, const OwnAnswer& answer) {
  record.close_reason = reason;
  if (!record.exchange) return;
  record.exchange->responses = 1;
  record.exchange->status = answer.status;
}

bool answered_without_body(const FlowRecord& record) {
  return record.exchange && record.exchange->method == "HEAD";
}

std::optional<Refused> refused_outright(const StageContext& context, const RelayTerms& terms,
                                        const http::Request& request, std::string_view credentials) {
  if (terms.bound) {
    // A certificate was shown for one name only, or for the address itself.
    const bool any_name = terms.bound->address && terms.scheme != http::Scheme::kHttps;
    const bool name_agrees = any_name || terms.bound->host == request.authority.host;
    if (!name_agrees || terms.bound->port != request.authority.port) {
      return Refused{CloseReason::kSniMismatch, 0,
                     "The request is for another host than the connection that carries it."};
    }
  } else if (credentials != terms.credentials) {
    return Refused{CloseReason::kAuthenticationFailed, 0, "This connection began with other credentials."};
  }
  if (!context.settings.port_allowed(request.authority.port)) {
    return Refused{CloseReason::kPortNotAllowed, 0,
                   "Port " + std::to_string(request.authority.port) + " is not in allow_ports of this proxy."};
  }
  return std::nullopt;
}

Refused refused_for(const http::Problem& problem) {
  using Kind = http::Problem::Kind;
  constexpr int expectation_failed = 417;
  Refused refused{CloseReason::kBadRequest, 0, "The request is refused: " + problem.text + "."};
  switch (problem.kind) {
    case Kind::kSyntax: break;
    case Kind::kTooLarge: refused.reason = CloseReason::kHeadTooLarge; break;
    case Kind::kAuthority: refused.reason = CloseReason::kBadAuthority; break;
    case Kind::kTarget: refused.reason = CloseReason::kMethodNotAllowed; break;
    case Kind::kRules: refused.reason = CloseReason::kMessageRejected; break;
    case Kind::kExpectation:
      refused.reason = CloseReason::kMessageRejected;
      refused.status = expectation_failed;
      break;
  }
  return refused;
}

Judgement judge(const StageContext& context, const http::Request& request, OwnAnswer& page) {
  const policy::Verdict verdict = ask_about_request(context, request);
  if (verdict.decision == policy::Decision::kUndecided && !context.record.dialled) return Judgement::kUndecided;
  note_request_verdict(context, request, verdict);
  if (passes(verdict)) return Judgement::kPasses;
  context.record.action = Verdict::kBlock;
  context.record.recorded = true;  // a block is never silent
  const std::string* accept = wire::find_field(request.fields, "accept");
  page = block_page(context.record, verdict.notice, context.settings.pop_name,
                    accept == nullptr ? std::string_view{} : *accept);
  return Judgement::kBlocked;
}

bool is_blocked_now(const StageContext& context, const http::Request& request) {
  const policy::Verdict verdict = ask_about_request(context, request);
  if (verdict.decision != policy::Decision::kBlock) return false;
  note_request_verdict(context, request, verdict);
  return true;
}

bool may_repeat(const http::Request& request) {
  if (request.body.kind != http::BodyKind::kNone) return false;
  const std::string_view method = request.method;
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

}  // namespace sluice::flow
