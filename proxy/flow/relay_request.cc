// Relaying: what becomes of a request before it leaves.
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/flow/relaying.h"

namespace sluice::flow {

void Relaying::judge(const StageContext& context) {
  const http::Request& request = requests_.request();
  if (const auto refused = refused_outright(context, terms_, request, requests_.credentials())) {
    return answer_refusal(*refused, context);
  }
  OwnAnswer page;
  const Judgement judgement = flow::judge(context, request, page);
  undecided_ = judgement == Judgement::kUndecided;  // asked again when the address is known
  if (judgement == Judgement::kBlocked) {
    block(page, context);
  } else {
    reach_origin(context);
  }
}

void Relaying::block(const OwnAnswer& page, const StageContext& context) {
  const bool whole = requests_.request().body.kind == http::BodyKind::kNone;
  answer(CloseReason::kPolicyBlock, page, whole && client_keeps_ ? Keep::kOpen : Keep::kClose, context);
}

// A head that cannot be a request: it has no exchange, only a record.
void Relaying::reject(const http::Problem& problem, const StageContext& context) {
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
  answer_refusal(refused_for(problem), context);
}

void Relaying::answer_refusal(const Refused& refused, const StageContext& context) {
  answer_refusal(refused.reason, refused.status, refused.detail, context);
}

void Relaying::answer_refusal(CloseReason reason, int status, std::string_view detail, const StageContext& context) {
  answer(reason, note_refusal(context, Stage::kRelaying, reason, status, detail), Keep::kClose, context);
}

// Our own response to the request.
void Relaying::answer(CloseReason reason, const OwnAnswer& response, Keep keep, const StageContext& context) {
  FlowRecord& record = context.record;
  note_answer(record, reason, response);
  std::string text = write_http1(response, keep == Keep::kOpen);
  if (answered_without_body(record)) text.resize(text.size() - response.body.size());
  record.server_bytes += text.size();
  context.write_record(Record::State::kClosed);
  context.send(Side::kClient, text);
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
