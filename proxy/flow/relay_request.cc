// Relaying: what becomes of a request before it leaves.
#include <cstdlib>

#include "proxy/flow/block_page.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/flow/relaying.h"

namespace sluice::flow {

void Relaying::judge(const StageContext& context) {
  if (is_refused_outright(context)) return;
  const policy::Verdict verdict = ask_about_request(context, requests_.request());
  undecided_ = verdict.decision == policy::Decision::kUndecided;
  if (undecided_ && !context.record.dialled) {
    reach_origin(context);  // asked again when the address is known
  } else if (passes(verdict, context)) {
    reach_origin(context);
  }
}

// What needs no policy: another name than the tunnel's, a port that is not allowed, a changed password.
bool Relaying::is_refused_outright(const StageContext& context) {
  const http::Request& request = requests_.request();
  if (terms_.bound) {
    // A certificate was shown for one name only, or for the address itself.
    const bool any_name = terms_.bound->address && !decrypts();
    const bool name_agrees = any_name || terms_.bound->host == request.authority.host;
    if (!name_agrees || terms_.bound->port != request.authority.port) {
      answer_refusal(CloseReason::kSniMismatch, 0,
                     "The request is for another host than the connection that carries it.", context);
      return true;
    }
  } else if (requests_.credentials() != terms_.credentials) {
    answer_refusal(CloseReason::kAuthenticationFailed, 0, "This connection began with other credentials.", context);
    return true;
  }
  if (!context.settings.port_allowed(request.authority.port)) {
    answer_refusal(CloseReason::kPortNotAllowed, 0,
                   "Port " + std::to_string(request.authority.port) + " is not in allow_ports of this proxy.", context);
    return true;
  }
  return false;
}

// Notes a decided verdict; answers with the page where it is a block.
bool Relaying::passes(const policy::Verdict& verdict, const StageContext& context) {
  note_request_verdict(context, requests_.request(), verdict);
  const bool passes = verdict.decision == policy::Decision::kSplice || verdict.decision == policy::Decision::kIntercept;
  if (passes) return true;
  const http::Request& request = requests_.request();
  context.record.action = Verdict::kBlock;
  context.record.recorded = true;  // a block is never silent
  const std::string* accept = wire::find_field(request.fields, "accept");
  const Keep keep = request.body.kind == http::BodyKind::kNone && client_keeps_ ? Keep::kOpen : Keep::kClose;
  answer(CloseReason::kPolicyBlock,
         block_page(context.record, verdict.notice, context.settings.pop_name,
                    {.accept = accept == nullptr ? std::string_view{} : *accept, .keep_alive = keep == Keep::kOpen}),
         keep, context);
  return false;
}

// A head that cannot be a request: it has no exchange, only a record.
void Relaying::reject(const http::Problem& problem, const StageContext& context) {
  using Kind = http::Problem::Kind;
  if (in_exchange()) {  // in the middle of a body
    context.out.emplace_back(Abort{Side::kOrigin});
    if (response_phase_ != ResponsePhase::kReceiving) {
      answer_refusal(CloseReason::kMessageRejected, 0, "The request is refused: " + problem.text + ".", context);
    } else {
      context.out.emplace_back(Abort{Side::kClient});
      leave(CloseReason::kMessageRejected, Stage::kRelaying, context);
    }
    return;
  }
  fresh_record(context);
  request_phase_ = RequestPhase::kReady;
  constexpr int expectation_failed = 417;
  CloseReason reason = CloseReason::kBadRequest;
  int status = 0;
  switch (problem.kind) {
    case Kind::kSyntax: break;
    case Kind::kTooLarge: reason = CloseReason::kHeadTooLarge; break;
    case Kind::kAuthority: reason = CloseReason::kBadAuthority; break;
    case Kind::kTarget: reason = CloseReason::kMethodNotAllowed; break;
    case Kind::kRules: reason = CloseReason::kMessageRejected; break;
    case Kind::kExpectation:
      reason = CloseReason::kMessageRejected;
      status = expectation_failed;
      break;
  }
  answer_refusal(reason, status, "The request is refused: " + problem.text + ".", context);
}

void Relaying::answer_refusal(CloseReason reason, int status, std::string_view detail, const StageContext& context) {
  answer(reason, note_refusal(context, Stage::kRelaying, reason, status, detail), Keep::kClose, context);
}

// Our own response to the request.
void Relaying::answer(CloseReason reason, std::string response, Keep keep, const StageContext& context) {
  FlowRecord& record = context.record;
  constexpr std::string_view head_end = "\r\n\r\n";
  if (record.exchange) {
    constexpr size_t status_at = 9;
    record.exchange->responses = 1;
    record.exchange->status = static_cast<int>(std::strtol(response.c_str() + status_at, nullptr, 10));
    if (record.exchange->method == "HEAD") response.resize(response.find(head_end) + head_end.size());
  }
  record.close_reason = reason;
  record.server_bytes += response.size();
  context.write_record(Record::State::kClosed);
  context.send(Side::kClient, response);
  responses_.reset();
  response_phase_ = ResponsePhase::kNone;
  if (keep == Keep::kOpen) {
    (void)requests_.next();  // the end of a request without a body
    request_phase_ = RequestPhase::kAwaiting;
    resuming_ = true;
    context.out.emplace_back(Resume{});
    return;
  }
  linger(reason, context);
}

}  // namespace sluice::flow
