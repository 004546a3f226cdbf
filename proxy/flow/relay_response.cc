// Relaying: the origin's side.
#include <algorithm>

#include "proxy/flow/handshaking.h"
#include "proxy/flow/limits.h"
#include "proxy/flow/origin_trust.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/relaying.h"
#include "proxy/http/status.h"

namespace sluice::flow {

using http::continue_status;
using http::first_final_status;
using http::Next;
using http::switching_protocols;

void Relaying::reach_origin(const StageContext& context) {
  const wire::Authority& wanted = requests_.request().authority;
  // In a tunnel to an address, the name in Host is dialled by our own resolution, as any other.
  if (leg_ == OriginLeg::kOpen && leg_keeps_ && origin_ == wanted) {
    context.record.destination = origin_address_;
    context.record.dialled = origin_address_.port != 0;
    if (undecided_) return ask_again(context);
    send_request(context);
    return;
  }
  hang_up(context);
  origin_ = wanted;
  leg_ = OriginLeg::kDialing;
  context.out.emplace_back(Dial{wanted, nullptr});
}

void Relaying::on(DialDone&& input, const StageContext& context) {
  FlowRecord& record = context.record;
  if (input.address.port != 0) {
    record.destination = input.address;
    record.dialled = true;
  }
  if (input.failure != CloseReason::kUnspecified) {
    leg_ = OriginLeg::kNone;
    answer_refusal(input.failure, 0, input.detail, context);
    return;
  }
  origin_address_ = input.address;
  if (!decrypts()) return origin_is_there(context);
  leg_ = OriginLeg::kSecuring;
  secured_by_ = context.now + handshakes_max;
  context.out.emplace_back(SecureOrigin{origin_.host, origin_address_, {std::string(alpn_http1)}});
}

void Relaying::on(OriginSecured&& input, const StageContext& context) {
  if (leg_ != OriginLeg::kSecuring) return;  // nobody asked
  if (input.handshake.failed || input.wants_certificate) {
    return origin_insecure(CloseReason::kTlsOrigin, "The TLS handshake with the origin failed.", context);
  }
  TlsFacts facts = *context.record.tls;
  const OriginTrust trust = judge_origin(context, input, facts);
  context.record.tls = std::make_shared<const TlsFacts>(std::move(facts));
  const bool accepted = trust == OriginTrust::kTrusted ||
                        (trust == OriginTrust::kMirrored && terms_.accepted_chain == input.verdict.chain);
  if (!accepted) return origin_insecure(CloseReason::kCertificateError, "The origin's certificate is wrong.", context);
  origin_is_there(context);
}

void Relaying::origin_insecure(CloseReason reason, std::string_view detail, const StageContext& context) {
  hang_up(context);
  answer_refusal(reason, 0, detail, context);
}

void Relaying::origin_is_there(const StageContext& context) {
  leg_ = OriginLeg::kOpen;
  leg_keeps_ = true;
  leg_used_ = false;
  if (undecided_) {
    ask_again(context);
  } else {
    send_request(context);
  }
  advance(context);
}

// Policy waited for the address.
void Relaying::ask_again(const StageContext& context) {
  undecided_ = false;
  OwnAnswer page;
  if (flow::judge(context, requests_.request(), page) == Judgement::kPasses) {
    send_request(context);
  } else {
    block(page, context);
  }
}

void Relaying::send_request(const StageContext& context) {
  const http::Request& request = requests_.request();
  context.write_record(Record::State::kOpen);  // before the first byte leaves for this exchange
  const http::Scheme scheme = terms_.scheme.value_or(http::Scheme::kHttp);
  to_origin(base::Chunk::copy_of(http::write_request_head(request, scheme, true)), context);
  body_up_ = http::BodyWriter(request.body.kind);
  responses_.emplace(request.method);
  request_phase_ = tried_again_ ? RequestPhase::kSent : RequestPhase::kSending;
  response_phase_ = ResponsePhase::kAwaited;
  moved_at_ = context.now;
}

void Relaying::read_responses(const StageContext& context) {
  while (!over_ && responses_ && response_phase_ != ResponsePhase::kOpaque) {
    switch (responses_->next()) {
      case Next::kNeedMore: return;
      case Next::kHead: response_head(context); break;
      case Next::kContent: to_client(body_down_.content(responses_->content()), context); break;
      case Next::kEnd: response_ended(context); break;
      case Next::kInvalid: return bad_response(responses_->problem().text, context);
    }
  }
}

void Relaying::response_head(const StageContext& context) {
  const http::Response& response = responses_->response();
  const http::Request& request = requests_.request();
  if (response.status == switching_protocols) {
    if (request.websocket) return become_opaque(context);
    return bad_response("it switches to a protocol that was not asked for", context);
  }
  if (response.status < first_final_status) {
    const bool wanted = request.minor_version > 0 && (response.status != continue_status || request.expects_continue);
    if (wanted) to_client(base::Chunk::copy_of(http::write_response_head(response, {})), context);
    return;
  }
  note_response(context.record, response);
  leg_keeps_ = leg_keeps_ && response.keep_alive;
  const http::BodyFraming framing = http::framing_for(response.body, request.minor_version);
  if (framing.kind == http::BodyKind::kUntilClose) client_keeps_ = false;
  body_down_ = http::BodyWriter(framing.kind);
  response_phase_ = ResponsePhase::kReceiving;
  to_client(base::Chunk::copy_of(http::write_response_head(response, {.body = framing, .keep_alive = client_keeps_})),
            context);
}

void Relaying::become_opaque(const StageContext& context) {
  const http::Response& response = responses_->response();
  context.record.exchange->status = response.status;
  context.record.exchange->responses = 1;
  to_client(base::Chunk::copy_of(http::write_response_head(response, {.body = {}, .websocket = true})), context);
  response_phase_ = ResponsePhase::kOpaque;
  to_client(responses_->take_rest(), context);
  base::Chunk ahead = requests_.take_rest();
  context.record.client_bytes += ahead.size();
  to_origin(std::move(ahead), context);
  if (client_ended_) context.out.emplace_back(EndWrite{Side::kOrigin});
  hold_client(context);
}

void Relaying::response_ended(const StageContext& context) {
  http::Fields trailers = responses_->take_trailers();
  http::drop_trailer_fields(trailers);
  to_client(body_down_.end(trailers), context);
  leg_used_ = true;
  if (responses_->waiting() > 0) leg_keeps_ = false;  // more than one response to one request
  responses_.reset();
  response_phase_ = ResponsePhase::kNone;
  if (request_phase_ == RequestPhase::kSent) {
    finish_exchange(context);
    return;
  }
  // An answer before the request was whole (413, say): what is left of it has nowhere to go.
  leg_keeps_ = client_keeps_ = false;
  finish_exchange(context);
}

void Relaying::bad_response(std::string_view detail, const StageContext& context) {
  context.out.emplace_back(Abort{Side::kOrigin});
  if (response_phase_ == ResponsePhase::kAwaited) {
    constexpr int bad_gateway = 502;
    answer_refusal(CloseReason::kMessageRejected, bad_gateway,
                   "The origin's response is refused: " + std::string(detail) + ".", context);
    return;
  }
  context.out.emplace_back(Abort{Side::kClient});  // so that half a response is not taken for a whole one
  leave(CloseReason::kMessageRejected, Stage::kRelaying, context);
}

void Relaying::origin_gone(CloseReason reason, const StageContext& context) {
  if (!responses_) {
    hang_up(context);
    return;
  }
  if (reason == CloseReason::kOriginClosed && response_phase_ == ResponsePhase::kReceiving) {
    if (responses_->ended() == Next::kEnd) {
      leg_keeps_ = false;
      response_ended(context);
      return;
    }
  } else if (response_phase_ == ResponsePhase::kAwaited) {
    if (!try_again(context)) answer_refusal(reason, 0, "The origin closed the connection without an answer.", context);
    return;
  }
  context.out.emplace_back(Abort{Side::kClient});
  leave(reason, Stage::kRelaying, context);
}

// The origin closed its idle connection just when the request came: it has seen nothing of it.
bool Relaying::try_again(const StageContext& context) {
  if (!leg_used_ || tried_again_ || responses_->begun() || !may_repeat(requests_.request())) return false;
  tried_again_ = true;
  responses_.reset();
  request_phase_ = RequestPhase::kReady;
  response_phase_ = ResponsePhase::kNone;
  hang_up(context);
  reach_origin(context);
  return true;
}

void Relaying::hang_up(const StageContext& context) {
  if (leg_ == OriginLeg::kOpen || leg_ == OriginLeg::kSecuring) context.out.emplace_back(HangUp{});
  leg_ = OriginLeg::kNone;
}

}  // namespace sluice::flow
